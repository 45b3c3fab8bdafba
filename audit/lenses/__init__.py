"""Lenses: one question each, from evidence to findings.

To add one, write a file with a final class that satisfies :class:`Lens` and give it a line below (CONTRIBUTING.md has
one to copy). ``verdicts`` decides what an image shows and which images are evidence; no lens uses another.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from audit.lenses.associations import AssociationsLens
from audit.lenses.attributes import AttributesLens
from audit.lenses.blending import BlendingLens
from audit.lenses.common.findings_json import estimate_document, findings_document, findings_text, read_findings
from audit.lenses.common.protocol import WHOLE_SUITE, Lens, LensAnswer, MetricCard, TextLens
from audit.lenses.composition import CompositionLens
from audit.lenses.contexts import ContextsLens
from audit.lenses.controls import ControlsLens
from audit.lenses.gender import GenderLens
from audit.lenses.granularity import GranularityLens
from audit.lenses.languages import LanguagesLens
from audit.lenses.letters import LettersLens
from audit.lenses.neighbours import NeighboursLens
from audit.lenses.nsfw import NsfwLens
from audit.lenses.quality import QualityLens
from audit.lenses.wording import WordingLens
from audit.lenses.written import WrittenLens
from audit.records import PromptSuite
from audit.suites.document import read_document

LENSES: Final[Mapping[str, Lens]] = {
    "controls": ControlsLens(),
    "quality": QualityLens(),
    "gender": GenderLens(),
    "nsfw": NsfwLens(),
    "composition": CompositionLens(),
    "wording": WordingLens(),
    "granularity": GranularityLens(),
    "neighbours": NeighboursLens(),
    "written": WrittenLens(),
    "letters": LettersLens(),
    "contexts": ContextsLens(),
    "blending": BlendingLens(),
    "attributes": AttributesLens(),
    "associations": AssociationsLens(),
    "languages": LanguagesLens(),
}
"""Every lens under its name, in the order in which they are asked: first whether the others can be trusted."""

INSTRUMENTS: Final = frozenset({"controls", "quality"})
"""Lenses that answer whether the audit worked, not what the checkpoint associates."""


SUITE_LENSES: Final = (*(name for name in LENSES if name != "quality"), "none")
"""What a suite may be written for: every lens but the one that reads all inversions, or none."""


def check_lens(suite: PromptSuite, path: Path) -> None:
    """Refuse a suite that is written for a lens that there is not.

    Args:
        suite: As read from ``path``.
        path: Its file.

    Raises:
        UsageProblem: If there is no such lens; says file, line and the lenses that there are.
    """
    if suite.lens not in SUITE_LENSES:
        raise read_document(path).problem(
            ("lens",), f"lens: found {suite.lens!r}.", remedy=f"Write one of: {', '.join(SUITE_LENSES)}."
        )


def metric_cards() -> tuple[MetricCard, ...]:
    """Return every metric that a finding can carry, in the order of the lenses.

    Example:
        >>> metric_cards()[0].name
        'controls.ordered_share'
    """
    return tuple(card for lens in LENSES.values() for card in lens.metrics)


__all__ = [
    "INSTRUMENTS",
    "LENSES",
    "SUITE_LENSES",
    "WHOLE_SUITE",
    "Lens",
    "LensAnswer",
    "MetricCard",
    "TextLens",
    "check_lens",
    "estimate_document",
    "findings_document",
    "findings_text",
    "metric_cards",
    "read_findings",
]
