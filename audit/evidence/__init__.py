"""The run folder and the tables in it: what an audit keeps, and what its lenses read."""

from audit.evidence.columns import build_table
from audit.evidence.files import safe_name
from audit.evidence.other_folders import refuse_other, write_folder
from audit.evidence.reading import (
    WORDED,
    ConceptTexts,
    concept_column,
    concept_texts,
    load_evidence,
    picture_digests,
    read_pictures,
)
from audit.evidence.schemas import (
    IMAGE_SHARD,
    IMAGES,
    PROBES,
    PROMPTS,
    SCORE_KEYS,
    Evidence,
    check_images,
    check_prompts,
    check_scores,
    prompts_table,
    score_columns,
    scores_table,
)
from audit.evidence.specs import (
    SCHEMA_VERSION,
    canonical_json,
    differing_keys,
    differing_specs,
    pretty_json,
    spec_digest,
)
from audit.evidence.store import RunFolder, continue_run, open_run, read_run
from audit.evidence.stored_cards import (
    card_to_json,
    questions_to_json,
    read_checkpoint_card,
    read_judge_cards,
    read_questions,
    write_judge_card,
)
from audit.evidence.texts import TEXT_SHARD, TEXTS, TextEvidence, no_texts, read_texts, texts_table

__all__ = [
    "IMAGES",
    "IMAGE_SHARD",
    "PROBES",
    "PROMPTS",
    "SCHEMA_VERSION",
    "SCORE_KEYS",
    "TEXTS",
    "TEXT_SHARD",
    "WORDED",
    "ConceptTexts",
    "Evidence",
    "RunFolder",
    "TextEvidence",
    "build_table",
    "canonical_json",
    "card_to_json",
    "check_images",
    "check_prompts",
    "check_scores",
    "concept_column",
    "concept_texts",
    "continue_run",
    "differing_keys",
    "differing_specs",
    "load_evidence",
    "no_texts",
    "open_run",
    "picture_digests",
    "pretty_json",
    "prompts_table",
    "questions_to_json",
    "read_checkpoint_card",
    "read_judge_cards",
    "read_pictures",
    "read_questions",
    "read_run",
    "read_texts",
    "refuse_other",
    "safe_name",
    "score_columns",
    "scores_table",
    "spec_digest",
    "texts_table",
    "write_folder",
    "write_judge_card",
]
