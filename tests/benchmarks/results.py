"""One checkpoint under all arms: the images are made, read by the judges, and summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audit.checkpoints import Checkpoint
from audit.judges import Judge
from audit.records import Prompt
from tests.benchmarks.arms import PUBLISHED, Arm
from tests.benchmarks.checkpoints import Say
from tests.benchmarks.costs import Cost, Middle, middle
from tests.benchmarks.headline import Ranged, Reach, combined, medians, over_prompts, paired, ratio, reach, resample
from tests.benchmarks.held_out import CONDITIONS, HeldOutJudge, Texts, changed, diversity, own_numbers
from tests.benchmarks.images import ImageStore
from tests.benchmarks.verdicts import Agreement, agreement, agreement_lost, class_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a bench works on."""

    prompts: tuple[Prompt, ...]
    texts: Texts
    seeds: int
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReadings:
    """What was read in the images of one arm; z is the mean over the judges."""

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
class Row:
    """One arm on one checkpoint, summed up; what compares with the published loop is ``None`` without it."""

    arm: Arm
    z: Ranged
    first: float
    exact: float
    z_under: Mapping[str, float]
    diversity: float
    seconds: Middle | None
    overhead: Middle | None
    reach: Reach | None
    z_difference: Ranged | None
    first_difference: Ranged | None
    diversity_ratio: Ranged | None
    engineering: Middle | None
    """Seconds of an image-gradient of the published loop over those of this arm."""
    total: Ranged | None
    """Seconds to the published loop's quality, as a ratio."""
    agreement: Agreement | None
    agreement_lost: Ranged | None


def read_arm(
    store: ImageStore, judges: Sequence[HeldOutJudge], verdicts: Judge, setting: Setting, say: Say
) -> ArmReadings:
    """Make what is missing of an arm's images, and return what all judges say of them."""
    store.fill(setting.prompts, setting.seeds, say)
    images = store.load(setting.prompts, setting.seeds)
    own = own_numbers(setting.texts, [prompt.text for prompt in setting.prompts], images.shape[1:3])
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
    """Return one row per arm, each compared with the published loop where that was run."""
    picks = resample(len(result.prompts))
    return tuple(_row(result, name, picks) for name in result.arms)


def agreements(result: CheckpointResult, one: str, other: str, *, bare: bool) -> Agreement | None:
    """Return how often two arms agree, on all prompts or on those that leave the answer open; ``None`` without both."""
    if one not in result.arms or other not in result.arms:
        return None
    rows = [k for k, prompt in enumerate(result.prompts) if not bare or prompt.role == "subject"]
    if not rows:
        return None
    return agreement(result.arms[one].classes[rows], result.arms[other].classes[rows], resample(len(rows)))


def lost_agreement(result: CheckpointResult, one: str) -> Ranged | None:
    """Return how much less an arm agrees with the published loop than that with itself, on prompts left open."""
    rows = [k for k, prompt in enumerate(result.prompts) if prompt.role == "subject"]
    if PUBLISHED not in result.arms or one not in result.arms or not rows:
        return None
    return agreement_lost(result.arms[one].classes[rows], result.arms[PUBLISHED].classes[rows], resample(len(rows)))


def _row(result: CheckpointResult, name: str, picks: np.ndarray) -> Row:
    readings, cost = result.arms[name], result.costs.get(name)
    published, their_cost = result.arms.get(PUBLISHED), result.costs.get(PUBLISHED)
    against = None if published is None else reach_of(readings, published, picks)
    engineering = None if cost is None or their_cost is None else middle(_ratios(their_cost, cost))
    return Row(
        arm=readings.arm,
        z=over_prompts(readings.z, lambda rows: float(medians(rows)[-1]), picks),
        first=float(readings.first[..., -1].mean()),
        exact=float(readings.exact[..., -1].mean()),
        z_under={condition: float(np.median(z)) for condition, z in readings.z_under.items()},
        diversity=float(readings.diversity.mean()),
        seconds=None if cost is None else middle(cost.seconds),
        overhead=None if cost is None else middle(cost.overhead),
        reach=against,
        z_difference=None if published is None else paired(readings.z[..., -1], published.z[..., -1], picks),
        first_difference=None
        if published is None
        else paired(readings.first[..., -1], published.first[..., -1], picks),
        diversity_ratio=None
        if published is None or result.seeds < 2
        else ratio(readings.diversity, published.diversity, picks),
        engineering=engineering,
        total=None if against is None or engineering is None else combined(against, engineering),
        agreement=agreements(result, name, PUBLISHED, bare=False),
        agreement_lost=lost_agreement(result, name),
    )


def reach_of(readings: ArmReadings, published: ArmReadings, picks: np.ndarray) -> Reach:
    """Return what it costs an arm to come to the published loop's final median z."""
    return reach(readings.z, readings.arm.prices, published.z, published.arm.prices, picks)


def _ratios(theirs: Cost, ours: Cost) -> list[float]:
    return [slow / quick for slow, quick in zip(theirs.seconds, ours.seconds, strict=True)]


def open_stores(checkpoint: Checkpoint, arms: Sequence[Arm], out: Path) -> dict[str, ImageStore]:
    """Return where the images of every arm lie."""
    return {arm.name: ImageStore(out, checkpoint, arm) for arm in arms}
