"""Lenses: one question each, from evidence to findings.

To add one, write a file with a final class that satisfies :class:`Lens` and give it a line below. ``verdicts``
decides what an image shows and which images are evidence; every lens uses it, and no lens uses another.
"""

from collections.abc import Mapping
from typing import Final

from audit.lenses.associations import AssociationsLens
from audit.lenses.attributes import AttributesLens
from audit.lenses.blending import BlendingLens
from audit.lenses.composition import CompositionLens
from audit.lenses.contexts import ContextsLens
from audit.lenses.controls import ControlsLens
from audit.lenses.findings_json import estimate_document, findings_document, findings_text, read_findings
from audit.lenses.gender import GenderLens
from audit.lenses.granularity import GranularityLens
from audit.lenses.languages import LanguagesLens
from audit.lenses.letters import LettersLens
from audit.lenses.neighbours import NeighboursLens
from audit.lenses.nsfw import NsfwLens
from audit.lenses.protocol import WHOLE_SUITE, Lens, LensAnswer, MetricCard, TextLens
from audit.lenses.quality import QualityLens
from audit.lenses.wording import WordingLens
from audit.lenses.written import WrittenLens

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
    "WHOLE_SUITE",
    "Lens",
    "LensAnswer",
    "MetricCard",
    "TextLens",
    "estimate_document",
    "findings_document",
    "findings_text",
    "metric_cards",
    "read_findings",
]
