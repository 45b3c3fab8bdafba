"""What lines can tell over looks: kept in simulated runs, and bounded by what each look has."""

from __future__ import annotations

import numpy as np
import pytest

from audit.gate import Asked, Look, Measured, PlannedLook, PolicySequence, Size, power_document, power_of_policy, spent
from audit.records import Estimate, Finding, Method, Verdict
from audit.stats import clopper_pearson, cluster_mean, cluster_share, power_of_mean, power_of_share
from tests.gate_promises import CONCEPTS, lean
from tests.gates import TODAY, policy, rule

SIZES = (4, 8, 12, 12)
RUNS = 200
EVERY = frozenset({"names", "*"})


def stand(prompts: int, images: int | None = None) -> PlannedLook:
    size = Size(prompts=prompts, images=images or prompts)
    sizes = {("names", concept): size for concept in CONCEPTS} | {("names", "*"): size}
    asked = Asked(suites=("names",), concepts={"names": CONCEPTS}, sizes=sizes)
    return PlannedLook(asked=asked, units={("names", "*"): 3, **{("names", one): prompts for one in CONCEPTS}})


STANDS = tuple(stand(size) for size in SIZES)


def powers(asks, stands=STANDS):
    return power_of_policy(asks, stands[-1].asked, stands[-1].units, looks=stands)


def measured(asked: Asked, images: np.ndarray, metric: str) -> Measured:
    estimate = cluster_mean if metric == "gender.lean" else cluster_share
    names = [str(number) for number in range(len(images))]

    def at(level: float) -> list[Finding]:
        found = estimate(images, names, level=level)
        number = Estimate(
            value=found.value, low=found.low, high=found.high, level=level, method=Method.T, n_images=len(images),
            n_prompts=len(images),
        )  # fmt: skip
        return [
            Finding(
                lens=metric.partition(".")[0], suite="names", subject="nurse", metric=metric, unit="x", neutral=0.0,
                estimate=number,
            )
        ]  # fmt: skip

    return Measured(asked=asked, findings_at=at)


def verdicts_by_look(asks, truth: float, sd: float | None, seed: int) -> np.ndarray:
    """Return the verdict by each look of runs whose prompts are drawn around a truth: 1 failed, -1 passed, 0 none."""
    rng = np.random.default_rng(seed)
    signs = {Verdict.FAIL: 1, Verdict.PASS: -1, Verdict.INCONCLUSIVE: 0}
    found = []
    for _ in range(RUNS):
        prompts = (rng.random(12) < truth).astype(float) if sd is None else rng.normal(truth, sd, 12)
        sequence = PolicySequence(asks, len(SIZES), TODAY)
        by_look = []
        for number, (one, size) in enumerate(zip(STANDS, SIZES, strict=True), start=1):
            run = measured(one.asked, prompts[:size], asks.rules[0].metric)
            sequence.take(Look(number=number, measured=run, reached=EVERY))
            by_look.append(signs[sequence.ruling(over=False).results[0].verdict])
            if by_look[-1]:
                break  # what is decided stays decided
        found.append(by_look + by_look[-1:] * (len(SIZES) - len(by_look)))
    return np.array(found)


BAND, MEAN = policy(lean()), policy(lean(between=(None, 0.2)))
SHARE = policy(rule(subject="nurse", at_most=0.5))


@pytest.mark.parametrize(("asks", "way"), [(BAND, "fails"), (MEAN, "passes"), (SHARE, "passes"), (SHARE, "fails")])
def test_a_promise_over_looks_is_kept_within_five_points(asks, way):
    (power,) = powers(asks)
    high = asks.rules[0].threshold.high
    truth = high + power.fails_beyond if way == "fails" else high - power.passes_inside
    found = verdicts_by_look(asks, truth, power.spread.sd, seed=5)
    kept = clopper_pearson(int((found[:, -1] == (1 if way == "fails" else -1)).sum()), RUNS, level=0.99)
    assert kept.low <= 0.85
    assert kept.high >= 0.75


def test_what_is_clearly_good_has_passed_by_each_look_as_often_as_was_said():
    (power,) = powers(BAND)
    found = verdicts_by_look(BAND, 0.75 - power.well_inside, power.spread.sd, seed=6)
    assert power.passed_by == pytest.approx((found == -1).mean(axis=0).tolist(), abs=0.07)


def test_looks_take_from_what_a_run_of_fixed_size_promises_and_little():
    for asks in (policy(lean()), policy(rule(subject="nurse", at_most=0.5))):
        (fixed,) = power_of_policy(asks, STANDS[-1].asked, STANDS[-1].units)
        (looked,) = powers(asks)
        assert fixed.passes_inside < looked.passes_inside < 1.2 * fixed.passes_inside
        assert fixed.fails_beyond < looked.fails_beyond < 1.2 * fixed.fails_beyond
        assert (looked.fail_level, looked.pass_level) == (fixed.fail_level, fixed.pass_level) == (0.95, 0.95)


def test_a_line_that_only_the_last_look_can_decide_is_decided_at_its_level():
    level = 1 - spent(0.05, 4)[-1]
    stands = (*(stand(size, images=size) for size in (4, 8, 12)), stand(12, images=24))
    (mean,) = powers(policy(lean(between=(None, 0.2), min_images=24)), stands)
    assert power_of_mean(12, mean.passes_inside, mean.spread.sd, level=level) == pytest.approx(0.8)
    (share,) = powers(policy(rule(subject="nurse", at_most=0.5, min_images=24)), stands)
    assert power_of_share(12, 0.5 + share.fails_beyond, 0.5, level=level) == pytest.approx(0.8)
    assert mean.passed_by[:3] == share.passed_by[:3] == (0.0, 0.0, 0.0)


def test_a_guard_keeps_a_line_from_passing_early_and_not_from_failing():
    (free,) = powers(policy(lean(between=(None, 0.2))))
    (guarded,) = powers(policy(lean(between=(None, 0.2), per_prompt_at_most=1.2)))
    assert guarded.passed_by[:3] == (0.0, 0.0, 0.0)
    assert guarded.passed_by[3] > 0
    assert guarded.fails_beyond == free.fails_beyond


def test_looks_without_an_interval_decide_nothing():
    stands = (stand(1), stand(2), stand(12), stand(12))
    (power,) = powers(policy(lean(between=(None, 0.2))), stands)
    assert power.passed_by[0] == 0.0
    assert power.passed_by == tuple(sorted(power.passed_by))


def test_two_looks_are_enough_to_be_promised_over():
    stands = (stand(6), stand(12))
    level = 1 - spent(0.05, 2)[0]
    (mean,) = powers(policy(lean(between=(None, 0.5))), stands)
    assert mean.passed_by[0] == pytest.approx(power_of_mean(6, 0.5, mean.spread.sd, level=level), abs=0.01)
    assert mean.passed_by[0] < mean.passed_by[1] < 1
    (share,) = powers(SHARE, stands)
    assert share.passed_by == pytest.approx((0.0, 1.0))


def test_a_band_passes_over_looks_less_often_than_one_of_its_sides():
    (side,) = powers(policy(lean(between=(None, 0.3))))
    (band,) = powers(policy(lean(between=(-0.3, 0.3))))
    assert side.spread == band.spread
    assert side.well_inside == band.well_inside == 0.3
    assert all(both < one for both, one in zip(band.passed_by[1:], side.passed_by[1:], strict=True))


def test_lines_fail_at_the_corrected_level_of_their_look():
    alone, *_ = powers(policy(lean(between=(None, 0.2))))
    among = powers(policy(lean(subject="each", between=(None, 0.2))))[1]
    assert among.line.subject == "nurse"
    assert among.fails_beyond > alone.fails_beyond
    assert among.passes_inside == alone.passes_inside
    uncorrected = powers(policy(lean(subject="each", between=(None, 0.2)), correction="none"))[1]
    assert uncorrected.fails_beyond == alone.fails_beyond


@pytest.mark.parametrize(
    ("asks", "inside"),
    [
        (lean(), 0.75),
        (lean(between=(None, 0.2)), 0.2),
        (lean(between=(-0.2, None)), 0.2),
        (lean(between=(0.2, 0.6)), 0.2),
        (lean(between=(0.2, None)), 1.3),
        (lean(between=(-0.2, 0.6)), 0.2),
        (rule(metric="gender.woman_share", subject="nurse", between=(0.2, 0.6)), 0.1),
        (rule(metric="gender.woman_share", subject="nurse", worse_by_at_most=0.1), 0.1),
        (lean(between=(None, 0.0)), 0.0),
        (lean(between=(0.0, None)), 0.0),
        (lean(between=(0.0, 0.6)), 0.0),
        (lean(between=(-0.6, 0.0)), 0.0),
        (rule(metric="gender.woman_share", subject="nurse", at_most=0.8), 0.3),
        (rule(subject="nurse", at_most=0.5), 0.5),
        (rule(metric="gender.lean", subject="nurse", worse_by_at_most=0.1), 0.1),
    ],
)
def test_what_is_clearly_good_is_neutral_or_unchanged_or_else_as_far_inside_as_can_be(asks, inside):
    (power,) = powers(policy(asks))
    assert power.well_inside == pytest.approx(inside)


def test_promises_over_looks_say_so():
    (power,) = powers(policy(lean()))
    told = power_document(power)
    assert told["passed_by_look"] == list(power.passed_by)
    assert told["well_inside_at"] == [0.0, 0.0]
    assert "inside, at 95 % over 4 interim looks)" in told["sentence"]
    by_then = ", ".join(f"{100 * chance:.0f}" for chance in power.passed_by)
    assert f"0.75 inside, its chances to have passed by each interim look are {by_then} %." in told["sentence"]
    (fixed,) = power_of_policy(policy(lean()), STANDS[-1].asked, STANDS[-1].units)
    assert "look" not in power_document(fixed)["sentence"]
    assert len(power_document(fixed)["passed_by_look"]) == 1
