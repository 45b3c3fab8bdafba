"""Lenses: one question each, from evidence to findings.

To add one, write a file with a final class that satisfies :class:`Lens` and give it a line below (CONTRIBUTING.md has
one to copy). ``verdicts`` decides what an image shows and which images are evidence; no lens uses another. Other
packages add lenses by entry points (``audit.plugins``), which are asked after ours.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from audit.lenses import (
    associations,
    attributes,
    blending,
    composition,
    contexts,
    controls,
    gender,
    granularity,
    languages,
    letters,
    neighbours,
    nsfw,
    quality,
    repeats,
    wording,
    written,
)
from audit.lenses.common.cards import AnswersTable, CausesFigure, Explained, LensCard, MetricCard, PresentationMap
from audit.lenses.common.lens_plugin import load_plugin_lenses
from audit.lenses.common.protocol import WHOLE_SUITE, Lens, LensAnswer, TextLens
from audit.lenses.controls import (
    CONTROLLED,
    FAILED,
    LEAST_SEEN,
    NOT_MEASURED,
    control_suites,
    must_be_seen,
    seen_right,
)
from audit.lenses.controls import too_few as controls_too_few
from audit.plugins import LENSES_GROUP, find_plugins
from audit.records import Finding, PromptSuite
from audit.suites.document import read_document


def _about_words() -> tuple[str, ...]:
    return tuple(name for name, lens in LENSES.items() if lens.card.about_words or lens.card.own_design)


OWN_LENSES: Final[Mapping[str, Lens]] = {
    controls.LENS.name: controls.ControlsLens(),
    quality.LENS.name: quality.QualityLens(),
    gender.LENS.name: gender.GenderLens(but=_about_words),
    nsfw.LENS.name: nsfw.NsfwLens(but=_about_words),
    composition.LENS.name: composition.CompositionLens(),
    wording.LENS.name: wording.WordingLens(also=(gender.LENS.name,)),
    granularity.LENS.name: granularity.GranularityLens(),
    neighbours.LENS.name: neighbours.NeighboursLens(also=(gender.LENS.name, nsfw.LENS.name)),
    written.LENS.name: written.WrittenLens(),
    letters.LENS.name: letters.LettersLens(but=_about_words),
    contexts.LENS.name: contexts.ContextsLens(),
    blending.LENS.name: blending.BlendingLens(),
    attributes.LENS.name: attributes.AttributesLens(),
    associations.LENS.name: associations.AssociationsLens(),
    languages.LENS.name: languages.LanguagesLens(),
    repeats.LENS.name: repeats.RepeatsLens(),
}
"""Our lenses under their names, in the order in which they are asked: first whether the others can be trusted."""

PLUGINS: Final = load_plugin_lenses(find_plugins(LENSES_GROUP, OWN_LENSES))
"""The lenses of other packages, and why some are left out."""

LENSES: Final[Mapping[str, Lens]] = {**OWN_LENSES, **PLUGINS.lenses}
"""Every lens that is asked."""

INSTRUMENTS: Final = frozenset(name for name, lens in LENSES.items() if lens.card.is_instrument)
"""Lenses that answer whether the audit worked, not what the checkpoint associates."""

CONTROLS: Final = controls.LENS.name
"""The lens of controls, and the table that it makes of them."""

CARDS: Final[Mapping[str, MetricCard]] = {
    metric.name: metric
    for lens in sorted(LENSES.values(), key=lambda lens: lens.card.is_instrument)
    for metric in lens.card.metrics
}
"""Every metric that a finding can carry, in the order in which they are shown; those of the instruments last."""

QUESTIONS: Final[Mapping[str, str]] = {
    metric.name: metric.asks or lens.card.asks
    for lens in LENSES.values()
    for metric in lens.card.metrics
    if metric.reads == "images"
}
"""What judges are asked for each metric of images, which controls say whether they can see; empty where none need
look."""

SUITE_LENSES: Final = (*(name for name, lens in LENSES.items() if lens.card.has_suites), "none")
"""What a suite may be written for: every lens but the one that reads all inversions, or none."""


def check_lens(suite: PromptSuite, path: Path) -> None:
    """Refuse a suite that is written for a lens that there is not.

    Args:
        suite: As read from ``path``.
        path: Its file.

    Raises:
        UsageProblem: If there is no such lens; says file, line and the lenses that there are.
        PluginProblem: If it is a lens of another package that cannot be used.
    """
    if suite.lens in PLUGINS.problems and suite.lens not in SUITE_LENSES:
        raise PLUGINS.problems[suite.lens]
    if suite.lens not in SUITE_LENSES:
        raise read_document(path).problem(
            ("lens",), f"lens: found {suite.lens!r}.", remedy=f"Write one of: {', '.join(SUITE_LENSES)}."
        )


def said_best(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings without those that another metric says better of the same subject (``MetricCard.told_as``)."""
    measured = {(f.metric, f.suite, f.subject) for f in findings if f.estimate.value is not None}
    return tuple(f for f in findings if (_told_as(f), f.suite, f.subject) not in measured)


def _told_as(finding: Finding) -> str:
    card = CARDS.get(finding.metric)
    return "" if card is None else card.told_as


def metric_cards() -> tuple[MetricCard, ...]:
    """Return every metric that a finding can carry, in the order of the lenses.

    Example:
        >>> metric_cards()[0].name
        'controls.woman_share'
    """
    return tuple(card for lens in LENSES.values() for card in lens.card.metrics)


__all__ = [
    "CARDS",
    "CONTROLLED",
    "CONTROLS",
    "FAILED",
    "INSTRUMENTS",
    "LEAST_SEEN",
    "LENSES",
    "NOT_MEASURED",
    "OWN_LENSES",
    "PLUGINS",
    "QUESTIONS",
    "SUITE_LENSES",
    "WHOLE_SUITE",
    "AnswersTable",
    "CausesFigure",
    "Explained",
    "Lens",
    "LensAnswer",
    "LensCard",
    "MetricCard",
    "PresentationMap",
    "TextLens",
    "check_lens",
    "control_suites",
    "controls_too_few",
    "metric_cards",
    "must_be_seen",
    "said_best",
    "seen_right",
]
