"""From a run folder to what it holds: cards and questions of its spec, the tables that lenses read, single pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from audit.codec import (
    SCHEMA_VERSION,
    check_version,
    document_text,
    pretty_json,
    read_record,
    record_document,
)
from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence.labels import LABELS_NAME, read_labels
from audit.evidence.schemas import (
    IMAGES,
    LABELS,
    PROBES,
    TEXT_SHARD,
    Evidence,
    TextEvidence,
    build_table,
    no_texts,
    read_texts,
    score_columns,
)
from audit.evidence.specs import SPEC_NAME, read_json
from audit.evidence.store import RunFolder
from audit.opening import entries, is_file
from audit.records import UNSEEN, CheckpointCard, Finding, JudgeCard, Question

FINDINGS_NAME: Final = "findings.json"
_CARD_NAME: Final = "card.json"


def card_to_json(card: CheckpointCard | JudgeCard) -> dict[str, object]:
    """Return a card as JSON values; the form that ``spec["checkpoint"]`` and ``spec["judges"][NAME]`` have.

    What a card does not say is left out.
    """
    return {name: value for name, value in record_document(card).items() if value is not None}


def write_judge_card(run: RunFolder, card: JudgeCard) -> None:
    """Keep the card of a judge beside its scores, before the first of them is written.

    Raises:
        UsageProblem: If the run already has scores of this judge with another digest.
        EnvironmentProblem: If the card cannot be written.
        RuntimeError: If the run is open for reading only, or finished.
    """
    known = read_judge_cards(run).get(card.name)
    if known is not None and _as_said_by(card, known) != card:
        raise UsageProblem(
            f"{run.path} holds scores of {card.name} with digest {known.digest[:12]}, and the judge of that name is "
            f"now {card.digest[:12]}.",
            remedy="Run again with another --out: scores of two versions of a judge are not mixed.",
        )
    if known is None:
        run.write_bytes(
            f"{run.folder_of(f'scores/{card.name}').as_posix()}/{_CARD_NAME}", pretty_json(card_to_json(card))
        )


def _as_said_by(card: JudgeCard, known: JudgeCard) -> JudgeCard:
    """Return a card with all that another one says about the scores, and that changes none of them."""
    said = replace(known, lineage=card.lineage, known_error=card.known_error)
    return replace(said, threshold=card.threshold, unit=card.unit, origin=card.origin)


JUDGE_ORDER: Final = "judge_order"
"""Names of the judges of a run, where they are asked in another order than that of the alphabet, in which JSON has
them: the first that answers a question is its primary one."""


def order_of_judges(names: Sequence[str]) -> dict[str, object]:
    """Return what a spec says of the order of its judges; nothing where it is that of the alphabet.

    Example:
        >>> order_of_judges(["b", "a"]), order_of_judges(["a", "b"])
        ({'judge_order': ['b', 'a']}, {})
    """
    return {} if list(names) == sorted(names) else {JUDGE_ORDER: list(names)}


def read_judge_cards(run: RunFolder) -> dict[str, JudgeCard]:
    """Return name -> card of all judges of a run: those of its spec in its order, then those asked later by name.

    Raises:
        EnvironmentProblem: If a card is damaged.
    """
    where = run.path / SPEC_NAME
    listed = read_record(dict, run.spec.get("judges", {}), where, "judges")
    order = run.spec.get(JUDGE_ORDER)
    names = order if isinstance(order, list) and set(order) == set(listed) else list(listed)
    cards = {name: read_record(JudgeCard, listed[name], where, "JudgeCard") for name in names}
    paths = [path / _CARD_NAME for path in entries(run.path / "scores") if is_file(path / _CARD_NAME)]
    later = [read_record(JudgeCard, read_json(path), path, "JudgeCard") for path in paths]
    for card in sorted(later, key=lambda card: card.name):
        cards.setdefault(card.name, card)
    return cards


def read_checkpoint_card(run: RunFolder) -> CheckpointCard:
    """Return the card of the audited checkpoint.

    Raises:
        EnvironmentProblem: If it is damaged.
    """
    return read_record(CheckpointCard, run.spec.get("checkpoint"), run.path / SPEC_NAME, "CheckpointCard")


class _KeptQuestion(NamedTuple):
    """A question as a spec keeps it: as lists, which keep the order of the answers."""

    suite: str
    name: str
    answers: tuple[tuple[str, str], ...]


def questions_to_json(questions: Sequence[Question]) -> list[object]:
    """Return questions as JSON values that keep the order of the answers; the form of ``spec["questions"]``."""
    return [
        [question.suite, question.name, [[answer, phrase] for answer, phrase in question.answers.items()]]
        for question in questions
    ]


def read_questions(run: RunFolder) -> tuple[Question, ...]:
    """Return the questions that the suites of a run ask; none where its spec keeps none.

    Raises:
        EnvironmentProblem: If they are damaged.
    """
    where = run.path / SPEC_NAME
    every = read_record(list, run.spec.get("questions", []), where, "questions")
    kept = [read_record(_KeptQuestion, one, where, f"questions.{place}") for place, one in enumerate(every)]
    return tuple(Question(suite=one.suite, name=one.name, answers=dict(one.answers)) for one in kept)


def findings_document(findings: Sequence[Finding]) -> dict[str, object]:
    """Return findings as JSON values, in their order; what was not measured is ``None``.

    Raises:
        ValueError: If two findings have the same id.
    """
    twice = [name for name, count in Counter(one.finding_id for one in findings).items() if count > 1]
    if twice:
        raise ValueError(f"Two findings are called {twice[0]}; an id names one.")
    entries = [{"id": finding.finding_id, **record_document(finding)} for finding in findings]
    return {"schema_version": SCHEMA_VERSION, "findings": entries}


def findings_text(findings: Sequence[Finding]) -> str:
    """Return the text of ``findings.json``; equal findings give equal text.

    Raises:
        ValueError: If two findings have the same id.
    """
    return document_text(findings_document(findings))


def read_findings(path: Path) -> tuple[Finding, ...]:
    """Return the findings that a ``findings.json`` holds, in their order.

    Raises:
        UsageProblem: If a newer version wrote it.
        EnvironmentProblem: If it cannot be read, or is damaged.
    """
    document = read_json(path)
    check_version(document.get("schema_version"), path)
    found = []
    for place, entry in enumerate(read_record(list, document.get("findings"), path, "findings")):
        plain = dict(read_record(dict, entry, path, f"findings.{place}"))
        plain.pop("id", None)
        found.append(read_record(Finding, plain, path, f"findings.{place}"))
    return tuple(found)


_RESUME = "Give the command that began the run again: it resumes."


def load_evidence(run: RunFolder) -> Evidence:
    """Read prompts, images (without the pictures) and scores as tables.

    Images and scores stand in the order of the prompts, then by replicate, however the work was cut into shards.

    Args:
        run: A run whose prompts were written with ``write_tables({"prompts": prompts_table(...)})``.

    Raises:
        InconclusiveProblem: If prompts have no image yet, images no score (unscored is a score), or texts that are only
            read no embedding.
        UsageProblem: If a file belongs to another run, or a table is not as its schema says.
        EnvironmentProblem: If a file is damaged.
    """
    if not run.has_table("prompts"):
        raise InconclusiveProblem(f"The run in {run.path} has no prompts yet.", remedy=_RESUME)
    prompts = run.read_table("prompts")
    images = _images(run)
    pictured = prompts.loc[~prompts["role"].isin(UNSEEN), "prompt_id"]
    without = len(pictured) if images.empty else int((~pictured.isin(images["prompt_id"])).sum())
    if without or prompts.empty:
        raise InconclusiveProblem(
            f"The run in {run.path} is not finished: {without} of its {len(pictured)} prompts have no image.",
            remedy=_RESUME,
        )
    order = pd.Series(range(len(prompts)), index=prompts["prompt_id"])
    cards, probes = read_judge_cards(run), run.read_shards("probes")
    return Evidence(
        prompts=prompts,
        images=_in_order(images, order),
        scores={name: _in_order(_complete_scores(run, card, images), order) for name, card in cards.items()},
        judges=cards,
        checkpoint=read_checkpoint_card(run),
        probes=probes if len(probes.columns) else build_table(PROBES, []),
        texts=_texts(run, prompts),
        labels=kept_labels(run),
    )


def kept_labels(run: RunFolder) -> pd.DataFrame:
    """Return the labels that the run was last decided with, if any."""
    path = run.path / LABELS_NAME
    return read_labels(path) if is_file(path) else build_table(LABELS, [])


def read_pictures(run: RunFolder, keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """Read the pictures of some images.

    Args:
        run: Any run.
        keys: Prompt id and replicate of each.

    Returns:
        Key -> PNG bytes, in the order of ``keys``.

    Raises:
        UsageProblem: If a file belongs to another run.
        EnvironmentProblem: If a file is damaged, or the run has no such picture.
    """
    wanted = set(keys)
    found: dict[tuple[str, int], bytes] = {}
    for name in run.shard_names("images"):
        if len(found) == len(wanted):
            break
        held = _keys(run.read_shard("images", name, columns=["prompt_id", "replicate"]))
        if wanted.isdisjoint(held):
            continue
        pictures = run.read_shard("images", name, columns=["png"])["png"]
        found.update({key: png for key, png in zip(held, pictures, strict=True) if key in wanted})
    missing = [key for key in keys if key not in found]
    if missing:
        raise EnvironmentProblem(
            f"{run.path / 'images'} has no picture of prompt {missing[0][0]}, replicate {missing[0][1]} "
            f"({len(missing)} are missing).",
            remedy=_RESUME,
        )
    return {key: found[key] for key in keys}


def picture_digests(run: RunFolder) -> dict[tuple[str, int], str]:
    """Return the SHA-256 of every picture, in hexadecimal digits, by prompt id and replicate.

    Raises:
        UsageProblem: If a file belongs to another run.
        EnvironmentProblem: If a file is damaged.
    """
    digests: dict[tuple[str, int], str] = {}
    for name in run.shard_names("images"):
        shard = run.read_shard("images", name, columns=["prompt_id", "replicate", "png"])
        digests |= {key: hashlib.sha256(png).hexdigest() for key, png in zip(_keys(shard), shard["png"], strict=True)}
    return digests


def _images(run: RunFolder) -> pd.DataFrame:
    """Return the images without their pictures; a suite of texts that are only read has none."""
    images = run.read_shards("images", columns=list(IMAGES))
    return build_table(IMAGES, []) if images.empty else images


def _texts(run: RunFolder, prompts: pd.DataFrame) -> TextEvidence:
    """Return the embeddings of texts; none where an earlier version made the run, and no prompt is only read."""
    if run.has_shard(*TEXT_SHARD):
        return read_texts(run.read_shard(*TEXT_SHARD))
    if prompts["role"].isin(UNSEEN).any():
        raise InconclusiveProblem(f"The run in {run.path} is not finished: its texts are not read yet.", remedy=_RESUME)
    return no_texts()


def _complete_scores(run: RunFolder, card: JudgeCard, images: pd.DataFrame) -> pd.DataFrame:
    scores = run.read_shards(f"scores/{card.name}")
    scores = build_table(score_columns(card), []) if scores.empty else scores
    unscored = len(set(_keys(images)) - set(_keys(scores)))
    if unscored:
        raise InconclusiveProblem(
            f"The run in {run.path} is not finished: the judge {card.name} has yet to look at {unscored} of "
            f"{len(images)} images.",
            remedy=_RESUME,
        )
    return scores


def _keys(table: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(table["prompt_id"].tolist(), table["replicate"].tolist(), strict=True))


def _in_order(table: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    if not order.index.is_unique:
        return table  # refused by the check of the evidence, which says why
    places = table["prompt_id"].map(order).fillna(-1).to_numpy()
    return table.iloc[np.lexsort((table["replicate"].to_numpy(), places))].reset_index(drop=True)


WORDED: Final = ("subject", "reference", "explicit", "object")
"""Roles whose text names the concept of its prompt and nothing else of it; a graded one lies between two texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptTexts:
    """All that the prompts of a suite say of one concept."""

    suite: str
    concept: str
    texts: tuple[str, ...]
    """Without repetition, in alphabetical order."""

    @property
    def column(self) -> str:
        """Name under which a judge's scores hold the concept."""
        return concept_column(self.suite, self.concept)


def concept_column(suite: str, concept: str) -> str:
    """Return the name under which a judge's scores hold a concept of a suite.

    Example:
        >>> concept_column("professions", "nurse")
        'professions|nurse'
    """
    return f"{suite}|{concept}"


def concept_texts(prompts: pd.DataFrame) -> tuple[ConceptTexts, ...]:
    """Return every concept of every suite that has at least two, in alphabetical order.

    Args:
        prompts: Table ``PROMPTS`` of a run.
    """
    worded = prompts[prompts["role"].isin(WORDED)]
    several = worded.groupby("suite")["concept"].transform("nunique") > 1
    return tuple(
        ConceptTexts(suite=str(suite), concept=str(concept), texts=tuple(sorted(set(rows["text"]))))
        for (suite, concept), rows in worded[several].groupby(["suite", "concept"], sort=True)
    )
