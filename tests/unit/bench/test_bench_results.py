"""Arms with fewer prompts are compared on the prompts of both."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.arms import find_arm
from tests.benchmarks.prompts import choose, every_prompt, split
from tests.benchmarks.results import ArmReadings, CheckpointResult, agreements, in_pairs, lost_agreement, sum_up

PROMPTS = choose(split(every_prompt())["test"], 4)
WOMAN, MAN = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]


def readings(name: str, z: list[float], verdicts: list[list[float]]) -> ArmReadings:
    """One number a prompt, the same in both seeds and at every kept step."""
    arm = find_arm(name, steps=4)
    kept = np.repeat(np.array(z)[:, None, None], 2, axis=1).repeat(len(arm.kept), axis=2)
    classes = np.repeat(np.array(verdicts)[:, None], 2, axis=1)
    return ArmReadings(
        arm=arm,
        z=kept,
        z_by_judge={"judge": kept},
        first=(kept > 2).astype(float),
        exact=np.zeros_like(kept),
        z_under={"blur": kept[..., -1]},
        diversity=np.array(z),
        classes=classes,
    )


@pytest.fixture
def result() -> CheckpointResult:
    published = readings("reference", [1.0, 2.0, 30.0, 40.0], [WOMAN, MAN, MAN, MAN])
    return CheckpointResult(
        name="phantom",
        architecture="a ResNet",
        judges=("judge",),
        seeds=2,
        prompts=PROMPTS,
        arms={"reference": published, "fast": readings("fast", [2.0, 4.0], [WOMAN, WOMAN])},
        costs={},
        timed_on="",
    )


def test_two_arms_share_the_prompts_that_both_begin_with(result):
    ours, theirs = in_pairs(result, "fast", "reference")
    assert ours.z[:, 0, -1].tolist() == [2.0, 4.0]
    assert theirs.z[:, 0, -1].tolist() == [1.0, 2.0]
    assert {len(one) for one in (theirs.first, theirs.exact, theirs.diversity, theirs.classes)} == {2}
    assert {len(one) for one in (theirs.z_by_judge["judge"], theirs.z_under["blur"])} == {2}
    assert in_pairs(result, "fast", "careful") is None


def test_what_is_compared_is_compared_on_those_alone(result):
    published, fast = sum_up(result)
    assert (published.prompts, fast.prompts) == (4, 2)
    assert published.z.value == pytest.approx(16.0)
    assert fast.against.z_difference.value == pytest.approx(1.5)  # 2 - 1 and 4 - 2, without the prompts of 30 and 40
    assert fast.against.first_difference.value == pytest.approx(0.5)
    assert fast.against.diversity_ratio.value == pytest.approx(2.0)
    assert fast.against.total is None  # nothing was timed


def test_verdicts_too(result):
    assert agreements(result, "fast", "reference", bare=False).all_seeds.value == pytest.approx(0.5)
    assert agreements(result, "reference", "reference", bare=False).other_seeds.value == pytest.approx(1.0)
    assert lost_agreement(result, "fast", bare=False).value == pytest.approx(0.5)
