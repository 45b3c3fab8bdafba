"""One checkpoint under all arms: the images are made, read by the judges, and summed up."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from audit.checkpoints import Checkpoint
from audit.judges.judge_protocol import Judge
from audit.records import Prompt
from tests.benchmarks.arms import PUBLISHED, Arm
from tests.benchmarks.checkpoints import Say
from tests.benchmarks.costs import Cost, Middle, middle
from tests.benchmarks.headline import Ranged, Reach, combined, medians, over_prompts, paired, ratio, reach, resample
from tests.benchmarks.held_out import CONDITIONS, HeldOutJudge, Texts, changed, diversity, own_numbers
from tests.benchmarks.images import ImageStore
from tests.benchmarks.verdicts import Agreement, agreement, agreement_lost, class_scores

BARE: Final = {"all prompts": False, "prompts that leave gender open": True}
"""On which prompts verdicts are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a bench works on."""

    prompts: tuple[Prompt, ...]
    texts: Texts
    seeds: int
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReadings:
    """What was read in the images of one arm; z is the mean over the judges.

    An arm may have fewer prompts than another: the first of them, so that what two arms share is where both begin.
    """

    arm: Arm
    z: Float[np.ndarray, "prompts seeds kept"]
    z_by_judge: Mapping[str, Float[np.ndarray, "prompts seeds kept"]]
    first: Float[np.ndarray, "prompts seeds kept"]
    """Share of the judges that rank the own text first among those of other concepts."""
    exact: Float[np.ndarray, "prompts seeds kept"]
    """Share of the judges that rank the own text first among all."""
    z_under: Mapping[str, Float[np.ndarray, "prompts seeds"]]
    """z of the last image under blur, JPEG and shift."""
    diversity: Float[np.ndarray, " prompts"]
    classes: Float[np.ndarray, "prompts seeds classes"]
    """Scores of the judge of verdicts."""

    def first_prompts(self, count: int) -> ArmReadings:
        """Return what was read on the first prompts alone."""
        return dataclasses.replace(
            self,
            z=self.z[:count],
            z_by_judge={judge: z[:count] for judge, z in self.z_by_judge.items()},
            first=self.first[:count],
            exact=self.exact[:count],
            z_under={condition: z[:count] for condition, z in self.z_under.items()},
            diversity=self.diversity[:count],
            classes=self.classes[:count],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointResult:
    """One audited checkpoint under all arms."""

    name: str
    architecture: str
    judges: tuple[str, ...]
    seeds: int
    prompts: tuple[Prompt, ...]
    arms: Mapping[str, ArmReadings]
    costs: Mapping[str, Cost]
    """Empty where nothing was timed."""
    timed_on: str
    """The machine of the costs, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """One arm beside the published loop, in pairs."""

    reach: Reach
    total: Ranged | None
    """Seconds to the published loop's quality, as a ratio."""
    z_difference: Ranged
    first_difference: Ranged
    diversity_ratio: Ranged | None
    agreement_lost: Mapping[str, Ranged | None]
    """By the names of ``BARE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arm on one checkpoint, summed up."""

    arm: Arm
    prompts: int
    z: Ranged
    first: float
    exact: float
    z_under: Mapping[str, float]
    diversity: float
    seconds: Middle | None
    overhead: Middle | None
    engineering: Middle | None
    """Seconds of an image-gradient of the published loop over those of this arm."""
    against: Against | None
    """``None`` where the published loop was not run."""


def read_arm(
    store: ImageStore, judges: Sequence[HeldOutJudge], verdicts: Judge, setting: Setting, say: Say
) -> ArmReadings:
    """Make what is missing of an arm's images, and return what all judges say of them."""
    prompts = setting.prompts[: store.arm.prompts]
    store.fill(prompts, setting.seeds, say)
    images = store.load(prompts, setting.seeds)
    own = own_numbers(setting.texts, [prompt.text for prompt in prompts], images.shape[1:3])
    readings = {judge.name: judge.read(images, own) for judge in judges}
    last = {name: changed(images[:, :, -1], name) for name in CONDITIONS}
    under = {
        name: np.mean([judge.read(pictures, own[:, :, -1]).z for judge in judges], axis=0)
        for name, pictures in last.items()
    }
    return ArmReadings(
        arm=store.arm,
        z=np.mean([reading.z for reading in readings.values()], axis=0),
        z_by_judge={name: reading.z for name, reading in readings.items()},
        first=np.mean([reading.rank == 1 for reading in readings.values()], axis=0),
        exact=np.mean([reading.exact_rank == 1 for reading in readings.values()], axis=0),
        z_under=under,
        diversity=np.mean([diversity(reading.embeddings[:, :, -1]) for reading in readings.values()], axis=0),
        classes=class_scores(verdicts, images[:, :, -1]),
    )


def sum_up(result: CheckpointResult) -> tuple[Row, ...]:
    """Return one row per arm, each compared with the published loop on the prompts of both, where that was run."""
    return tuple(_row(result, name) for name in result.arms)


def in_pairs(result: CheckpointResult, one: str, other: str) -> tuple[ArmReadings, ArmReadings] | None:
    """Return two arms on the prompts that both have; ``None`` where one of them was not run."""
    if one not in result.arms or other not in result.arms:
        return None
    both = result.arms[one], result.arms[other]
    count = min(len(readings.z) for readings in both)
    return both[0].first_prompts(count), both[1].first_prompts(count)


def agreements(result: CheckpointResult, one: str, other: str, *, bare: bool) -> Agreement | None:
    """Return how often two arms agree, on all prompts or on those that leave the answer open; ``None`` without both."""
    both = in_pairs(result, one, other)
    rows = [] if both is None else _rows(result, both[0], bare=bare)
    if both is None or not rows:
        return None
    return agreement(both[0].classes[rows], both[1].classes[rows], resample(len(rows)))


def lost_agreement(result: CheckpointResult, one: str, *, bare: bool) -> Ranged | None:
    """Return how much less an arm agrees with the published loop than that with itself, under other seeds."""
    both = in_pairs(result, one, PUBLISHED)
    rows = [] if both is None else _rows(result, both[0], bare=bare)
    if both is None or not rows:
        return None
    return agreement_lost(both[0].classes[rows], both[1].classes[rows], resample(len(rows)))


def _rows(result: CheckpointResult, readings: ArmReadings, *, bare: bool) -> list[int]:
    prompts = result.prompts[: len(readings.z)]
    return [k for k, prompt in enumerate(prompts) if not bare or prompt.role == "subject"]


def _row(result: CheckpointResult, name: str) -> Row:
    readings, cost, their_cost = result.arms[name], result.costs.get(name), result.costs.get(PUBLISHED)
    engineering = None if cost is None or their_cost is None else middle(_ratios(their_cost, cost))
    return Row(
        arm=readings.arm,
        prompts=len(readings.z),
        z=over_prompts(readings.z, lambda rows: float(medians(rows)[-1]), resample(len(readings.z))),
        first=float(readings.first[..., -1].mean()),
        exact=float(readings.exact[..., -1].mean()),
        z_under={condition: float(np.median(z)) for condition, z in readings.z_under.items()},
        diversity=float(readings.diversity.mean()),
        seconds=None if cost is None else middle(cost.seconds),
        overhead=None if cost is None else middle(cost.overhead),
        engineering=engineering,
        against=_against(result, name, engineering),
    )


def _against(result: CheckpointResult, name: str, engineering: Middle | None) -> Against | None:
    both = in_pairs(result, name, PUBLISHED)
    if both is None:
        return None
    ours, theirs = both
    picks = resample(len(ours.z))
    reached = reach_of(ours, theirs, picks)
    return Against(
        reach=reached,
        total=None if engineering is None else combined(reached, engineering),
        z_difference=paired(ours.z[..., -1], theirs.z[..., -1], picks),
        first_difference=paired(ours.first[..., -1], theirs.first[..., -1], picks),
        diversity_ratio=None if result.seeds < 2 else ratio(ours.diversity, theirs.diversity, picks),
        agreement_lost={which: lost_agreement(result, name, bare=bare) for which, bare in BARE.items()},
    )


def reach_of(readings: ArmReadings, published: ArmReadings, picks: np.ndarray) -> Reach:
    """Return what it costs an arm to come to the published loop's final median z."""
    return reach(readings.z, readings.arm.prices, published.z, published.arm.prices, picks)


def _ratios(theirs: Cost, ours: Cost) -> list[float]:
    return [slow / quick for slow, quick in zip(theirs.seconds, ours.seconds, strict=True)]


def open_stores(checkpoint: Checkpoint, arms: Sequence[Arm], out: Path) -> dict[str, ImageStore]:
    """Return where the images of every arm lie."""
    return {arm.name: ImageStore(out, checkpoint, arm) for arm in arms}
