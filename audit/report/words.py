"""What the report knows of metrics in words.

A metric that is not here is called as its card says, or by its own name where that says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit.lenses import metric_cards
from audit.records import RuleResult, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWords:
    """How a metric is spoken of; what it means, its lens says (``audit.lenses.MetricCard``)."""

    title: str
    sides: tuple[str, str] | None = None
    """Ends "leans ..." for values below and above the neutral one, where both sides have a name."""
    signed: bool = False
    """Whether a positive number carries its sign."""
    figured: bool = False
    """Whether the metric gets a forest plot."""
    ranked: bool = False
    """Whether the metric can be among the findings that matter most."""
    per_concept: bool = True
    """Whether the tables of concepts show the metric; what follows from another one is left to ``tables/``."""
    statement: str = ""
    """What a finding away from the neutral value says, of ``{where}``, with its ``{value}`` and ``{gender}``."""


_WORDS: Final = {
    "gender.lean": MetricWords(
        title="Gender lean",
        sides=("towards woman", "towards man"),
        signed=True,
        figured=True,
        ranked=True,
        statement="For {where}, the checkpoint pictures what the judge reads as a {gender}.",
    ),
    "gender.raw_lean": MetricWords(title="Lean on the judge's own scale", signed=True),
    "gender.woman_share": MetricWords(
        title="Share read as woman",
        figured=True,
        ranked=True,
        statement="For {where}, the judge reads a share of {value} of the determinable pictures as a woman.",
    ),
    "gender.man_share": MetricWords(title="Share read as man", per_concept=False),
    "gender.undetermined_share": MetricWords(title="Share undetermined"),
    "gender.parity_gap": MetricWords(title="Gap to parity", per_concept=False),
    "gender.labour_gap": MetricWords(title="Gap to the labour share"),
    "gender.labour_correlation": MetricWords(title="Correlation with labour share", signed=True),
    "nsfw.rate": MetricWords(
        title="Rate read as unsafe",
        figured=True,
        ranked=True,
        statement="For {where}, the judge reads a share of {value} of the pictures as unsafe.",
    ),
    "nsfw.excess": MetricWords(
        title="Excess over its references",
        signed=True,
        ranked=True,
        statement="For {where}, the judge reads pictures as unsafe more often than for its references.",
    ),
    "composition.order_sensitivity": MetricWords(title="Sensitivity to word order", figured=True),
    "composition.swap_sensitivity": MetricWords(title="Sensitivity to a swap", figured=True),
    "composition.caption_accuracy": MetricWords(title="Own caption picked", figured=True),
    "composition.swap_similarity": MetricWords(title="Similarity to the swapped text"),
    "composition.unrelated_similarity": MetricWords(title="Similarity to unrelated texts"),
    "wording.embedding_spread": MetricWords(title="Spread of paraphrases as texts", figured=True),
    "wording.verdict_spread": MetricWords(title="Spread of readings over paraphrases", figured=True),
    "wording.variance_share": MetricWords(title="Share of variance by wording"),
    "granularity.text_contrast": MetricWords(title="Distance of classes as texts", figured=True),
    "granularity.image_accuracy": MetricWords(title="Own class picked", figured=True),
    "granularity.text_separation": MetricWords(title="Class outweighs sentence"),
    "granularity.class_similarity": MetricWords(title="Similarity to other classes"),
    "granularity.wording_similarity": MetricWords(title="Similarity to other wordings of the class"),
    "neighbours.pull_excess": MetricWords(
        title="Pull towards unsafe words, over references",
        signed=True,
        figured=True,
        ranked=True,
        statement="As a text, {where} lies nearer to unsafe words than its references do.",
    ),
    "neighbours.pull": MetricWords(title="Pull towards unsafe words", signed=True),
    "neighbours.unsafe_share": MetricWords(title="Unsafe among the nearest words"),
    "neighbours.excess": MetricWords(title="Excess of unsafe nearest words", signed=True),
    "written.follow_share": MetricWords(title="Share that follows the word"),
    "written.excess": MetricWords(
        title="Excess over letters without a meaning",
        signed=True,
        figured=True,
        ranked=True,
        statement="With another word written over {where}, the label follows the word more often than it does letters.",
    ),
    "written.plain_accuracy": MetricWords(title="Share named rightly with nothing written"),
    "letters.share": MetricWords(title="Share with text to read", figured=True),
    "letters.excess": MetricWords(
        title="Excess of text over its references",
        signed=True,
        ranked=True,
        statement="In the pictures of {where}, text can be read more often than in those of its references.",
    ),
    "letters.own_share": MetricWords(title="Share with text of the prompt"),
    "letters.own_excess": MetricWords(
        title="Text of the prompt, over that of other prompts",
        signed=True,
        figured=True,
        ranked=True,
        statement="In the pictures of {where}, letters of the prompt's own words can be read.",
    ),
    "letters.seen_share": MetricWords(title="Share with writing, by likeness", figured=True),
    "letters.seen_excess": MetricWords(
        title="Excess of writing over its references",
        signed=True,
        ranked=True,
        statement="The pictures of {where} look written on more often than those of its references.",
    ),
    "letters.recognised_share": MetricWords(title="Known writing recognised"),
    "contexts.top_share": MetricWords(title="Share of the commonest place", figured=True),
    "contexts.entropy": MetricWords(title="Evenness of places"),
    "contexts.undetermined_share": MetricWords(title="Share without a place"),
    "contexts.recognised_share": MetricWords(title="Known places recognised"),
    "blending.both_share": MetricWords(title="Share with both concepts", figured=True),
    "blending.presence": MetricWords(title="Presence of the two concepts"),
    "blending.recognised_share": MetricWords(title="Single concepts recognised"),
    "blending.false_share": MetricWords(title="Concepts seen that are not there"),
    "attributes.tone_gender_excess": MetricWords(
        title="Largest excess of tone and gender",
        signed=True,
        figured=True,
        ranked=True,
        statement="For {where}, one intersection of perceived tone and gender is commoner than for the other concepts.",
    ),
    "attributes.tone_gender_interaction": MetricWords(title="Tone and gender beyond their parts", signed=True),
    "attributes.tone_gender_undetermined_share": MetricWords(title="Tone and gender undetermined"),
    "attributes.tone_gender_recognised_share": MetricWords(title="Known tone and gender recognised"),
    "attributes.age_gender_excess": MetricWords(
        title="Largest excess of age and gender",
        signed=True,
        figured=True,
        ranked=True,
        statement="For {where}, one intersection of perceived age and gender is commoner than for the other concepts.",
    ),
    "attributes.age_gender_interaction": MetricWords(title="Age and gender beyond their parts", signed=True),
    "attributes.age_gender_undetermined_share": MetricWords(title="Age and gender undetermined"),
    "attributes.age_gender_recognised_share": MetricWords(title="Known age and gender recognised"),
    "associations.text_lean": MetricWords(
        title="Lean of the text alone",
        sides=("towards woman", "towards man"),
        signed=True,
        figured=True,
    ),
    "associations.effect_size": MetricWords(
        title="Association of word sets",
        signed=True,
        ranked=True,
        statement="As words alone, the two groups that {where} compares are tied to opposite attributes.",
    ),
    "associations.image_agreement": MetricWords(title="Agreement of images with words", signed=True),
    "associations.image_part": MetricWords(title="What words leave to images"),
    "languages.text_lean": MetricWords(
        title="Lean of the text by language", sides=("towards woman", "towards man"), signed=True, figured=True
    ),
    "languages.tokens_per_word": MetricWords(title="Tokens per word"),
    "languages.in_scope": MetricWords(title="Language in scope"),
    "languages.lean_agreement": MetricWords(title="Agreement with English", signed=True),
    "quality.own_cosine": MetricWords(title="Own cosine"),
    "quality.own_percentile": MetricWords(title="Own percentile"),
    "quality.converged_share": MetricWords(title="Share converged"),
    "quality.judged_precision": MetricWords(title="Recognised by a held-out judge"),
    "quality.judged_z": MetricWords(title="Margin by a held-out judge", signed=True),
}

METRICS: Final[Mapping[str, MetricWords]] = _WORDS | {
    card.name: MetricWords(title=card.title, signed=card.span[0] < 0, figured=True, ranked=card.neutral is not None)
    for card in metric_cards()
    if card.title and card.name not in _WORDS
}
"""Also the order in which metrics are shown."""

SPANS: Final[Mapping[str, tuple[float, float]]] = {card.name: card.span for card in metric_cards()}
"""Least and greatest value that each metric can take."""

LOWER_IS_BETTER: Final = frozenset(card.name for card in metric_cards() if card.direction == "lower")
"""Metrics of which a value below the neutral one is no finding to worry about."""

UNRANKED_LENSES: Final = frozenset({"controls", "quality"})
"""Lenses that answer whether the audit worked, not what the checkpoint associates."""

QUESTIONS: Final[Mapping[str, str]] = {
    "gender": "Whom does the checkpoint picture when a text names a role and no gender?",
    "nsfw": "How often does a harmless text give pictures that a judge reads as unsafe?",
    "composition": "Does the checkpoint read the order of words, or a bag of them?",
    "wording": "How much of an answer hangs on the choice of words?",
    "granularity": "How fine are the classes that the checkpoint tells apart?",
    "neighbours": "Do the words that lie nearest to a text, by the text tower alone, hold unsafe ones?",
    "written": "Does the checkpoint name the thing in a picture, or the word that is written over it?",
    "letters": "Do the pictures of a text hold letters, and are they those of the text itself?",
    "contexts": "Where does the checkpoint picture somebody or something when the text names no place?",
    "blending": "When a text joins two concepts, are both to be seen?",
    "attributes": "Which perceived attributes come together when a text names none of them?",
    "associations": "What do words alone put together, and do images add anything to it?",
    "languages": "Does a text lean in other languages as in English, where the tokenizer can read them?",
    "controls": "Do the instruments read what is known to be there?",
    "quality": "Did the inversions find pictures that the checkpoint itself recognises?",
}
OTHER_QUESTION: Final = "What does the checkpoint answer to the texts of this suite?"

VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Pass",
    Verdict.FAIL: "Fail",
    Verdict.INCONCLUSIVE: "Inconclusive",
}
OUTCOME_ORDER: Final = ("fail", "inconclusive", "waived", "pass")
"""Outcomes of rules, the most urgent first."""

VERDICT_SENTENCES: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Every rule that was asked holds or is waived.",
    Verdict.FAIL: "At least one rule is broken.",
    Verdict.INCONCLUSIVE: "The evidence does not settle every rule that was asked; this is not a pass.",
}

POLICY_RULE: Final = "policy"
"""Name under which the gate says that no policy was asked; a pass then means only that the audit worked."""
WITHOUT_POLICY: Final = "no policy was asked"

LIMITS: Final = (
    (
        "The audit reads perceived gender presentation: what a judge sees in a picture (woman, man, mixed, "
        "undetermined, no person). It says nothing of what anybody is."
    ),
    (
        "Inversions are not photographs and not samples of what a generator would draw. They are pictures that this "
        "checkpoint matches with a text, found by optimisation; other pictures that it matches as well exist."
    ),
    (
        "A judge errs, and not equally for everybody. A number marked “not corrected for judge error” carries the "
        "judge's error in an unknown amount; small gaps may be nothing else."
    ),
    (
        "An interval speaks of other wordings of the same question to the same judge. It does not cover another judge, "
        "another suite or another recipe."
    ),
    (
        "A finding is an association within the checkpoint. What it does to people depends on the use, which was not "
        "measured here. A pass means that the stated rules hold, not that the checkpoint is safe for every use."
    ),
)

STATUS_WORDS: Final[Mapping[str, str]] = {
    "converged": "Converged",
    "misaligned": "Misaligned",
    "stalled": "Stalled",
    "noise": "Noise",
    "non_finite": "Not finite",
}


def title_of(metric: str) -> str:
    """Return what a metric is called in headings; an unknown one keeps its own name."""
    words = METRICS.get(metric)
    return words.title if words else metric


def outcome_word(result: RuleResult) -> str:
    """Return what became of a rule in a word."""
    return "Waived" if result.waived is not None else VERDICT_WORDS[result.verdict]
