"""Evidence with a judge of concepts beside the other one."""

from collections.abc import Mapping
from dataclasses import replace

from worlds import World, judge_card

from audit.evidence import Evidence, scores_table
from audit.records import JudgeCard, Score

Cosines = Mapping[str, float]


def with_matching(world: World, *cosines: Cosines | None, suite: str = "suite") -> Evidence:
    """Return the evidence of ``world`` with the judge "matching": one mapping of concept to cosine per image.

    ``None`` is an image that the judge could not score.
    """
    concepts = sorted({name for one in cosines if one for name in one})
    card = JudgeCard(
        name="matching", digest="2" * 64, classes=tuple(f"{suite}|{name}" for name in concepts), asks=("concepts",)
    )
    evidence = world.evidence({"judge": judge_card()})
    keys = [(str(row["prompt_id"]), int(row["replicate"])) for row in world.images]
    scores = [
        Score(values=None, reason="unread")
        if one is None
        else Score(values={f"{suite}|{n}": v for n, v in one.items()})
        for one in cosines
    ]
    return replace(
        evidence,
        scores={**evidence.scores, "matching": scores_table(keys, scores, card)},
        judges={**evidence.judges, "matching": card},
    )
