"""Policies over looks: what is spent, what stays decided, and how often it is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from audit.gate import Asked, Look, Measured, PolicySequence, Size, apply_policy, spent
from audit.records import Estimate, Finding, Method, Verdict
from tests.gates import TODAY, Run, Value, policy, rates, rule, waiver

EVERY = frozenset({"names", "*"})


def verdicts(sequence: PolicySequence, *, over: bool = False) -> dict[str, str]:
    return {result.rule: result.verdict.value for result in sequence.ruling(over=over).results}


def take(sequence: PolicySequence, number: int, reached=EVERY, **values) -> dict[str, str]:
    sequence.take(Look(number=number, measured=Run(rates(**values)).measured(), reached=reached))
    return verdicts(sequence)


@pytest.mark.parametrize("looks", [1, 2, 4, 9])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_looks_spend_alpha_and_no_more(alpha, looks):
    shares = spent(alpha, looks)
    assert len(shares) == looks
    assert sum(shares) == pytest.approx(alpha, abs=1e-15)
    assert all(share > 0 for share in shares)


def test_what_is_spent_follows_the_function_of_lan_and_demets():
    # by then two of four looks: 2 - 2 Phi(1.959964 / sqrt(0.5))
    assert sum(spent(0.05, 4)[:2]) == pytest.approx(2 * stats.norm.sf(stats.norm.ppf(0.975) / math.sqrt(0.5)))


@pytest.mark.parametrize(("alpha", "looks"), [(0.0, 4), (1.0, 4), (0.05, 0)])
def test_what_cannot_be_spent_is_refused(alpha, looks):
    with pytest.raises(ValueError, match="Alpha lies between 0 and 1"):
        spent(alpha, looks)


def test_a_single_look_is_a_run_of_fixed_size():
    asks = policy(rule(subject="each"))
    measured = Run(rates(nurse=0.9, pilot=0.01, baker=0.2)).measured()
    sequence = PolicySequence(asks, 1, TODAY)
    sequence.take(Look(number=1, measured=measured, reached=EVERY))
    found = [(one.rule, one.verdict, one.line) for one in sequence.ruling(over=True).results]
    fixed = apply_policy(asks, measured, TODAY)
    assert [(name, verdict) for name, verdict, _ in found] == [(one.rule, one.verdict) for one in fixed.results]
    assert sequence.ruling(over=True).policy == fixed.policy


def test_an_early_look_asks_for_more_than_a_late_one():
    near = Value(0.26, 0.02)  # 3 standard errors above the line
    sequence = PolicySequence(policy(), 4, TODAY)
    assert take(sequence, 1, whole=near) == {"rule": "inconclusive"}
    assert take(sequence, 4, whole=near) == {"rule": "fail"}


@pytest.mark.parametrize(("first", "verdict"), [(0.9, "fail"), (0.0, "pass")])
def test_what_is_decided_stays_decided(first, verdict):
    sequence = PolicySequence(policy(), 4, TODAY)
    assert take(sequence, 2, whole=first) == {"rule": verdict}
    assert take(sequence, 3, whole=0.2) == {"rule": verdict}
    assert take(sequence, 4, whole=0.9 - first) == {"rule": verdict}
    assert "(Interim look 2 of 4, which may err with 0.55 %.)" in sequence.ruling(over=True).results[0].evidence
    assert sequence.open_suites == frozenset()


def test_a_suite_that_has_not_reached_a_look_is_not_looked_at_again():
    sequence = PolicySequence(policy(), 4, TODAY)
    take(sequence, 1, whole=0.2)
    assert take(sequence, 4, frozenset(), whole=0.9) == {"rule": "inconclusive"}
    assert sequence.open_suites == {"names"}


def test_a_line_that_is_decided_leaves_the_others_open():
    sequence = PolicySequence(policy(rule(subject="each")), 4, TODAY)
    assert sequence.ruling(over=False).results == ()
    assert [*take(sequence, 2, a=0.9, b=0.2, c=0.0).values()] == ["fail", "inconclusive", "pass"]
    assert [*take(sequence, 4, a=0.2, b=0.0, c=0.9).values()] == ["fail", "pass", "pass"]


def test_a_line_with_a_guard_does_not_pass_before_the_last_look():
    from audit.gate import PromptValue

    values = [PromptValue(suite="names", subject="nurse", text="a nurse", value=0.0)]
    run = Run(rates(whole=0.0), prompts={"nsfw.raw_rate": values})
    sequence = PolicySequence(policy(rule(per_prompt_at_most=0.5)), 4, TODAY)
    sequence.take(Look(number=3, measured=run.measured(), reached=EVERY))
    assert verdicts(sequence) == {"rule": "inconclusive"}
    early = sequence.ruling(over=False).results[0].evidence
    assert "Not before the last look: its guard has to see every prompt. (Interim look 3 of 4, which" in early
    sequence.take(Look(number=4, measured=run.measured(), reached=EVERY))
    assert verdicts(sequence) == {"rule": "pass"}
    assert (
        sequence.ruling(over=False)
        .results[0]
        .evidence.endswith("the good side. (Interim look 4 of 4, which may err with 2.6 %.)")
    )


def test_an_expired_waiver_fails_only_once_no_look_follows():
    from datetime import date

    asks = policy(waivers=[waiver(expires=date(2020, 1, 1))])
    sequence = PolicySequence(asks, 4, TODAY)
    assert take(sequence, 1, whole=0.2) == {"rule": "inconclusive"}
    assert verdicts(sequence, over=True) == {"rule": "inconclusive", "waiver of rule": "fail"}
    take(sequence, 2, whole=0.0)
    assert verdicts(sequence, over=True) == {"rule": "pass"}


# One policy over concepts whose prompts are drawn anew in each world: truth, and what is decided at any look.
CONCEPTS = ("baker", "doctor", "nurse", "pilot", "teacher", "writer")
SIZES = (4, 8, 12, 12)
WORLDS = 250


def world(means: np.ndarray, rng: np.random.Generator) -> list[Measured]:
    """What is measured at each look: concepts of 4, 8, 12 prompts, then the same 12 with less noise of replicates."""
    prompts = rng.normal(means[:, None], 0.15, (len(means), 12))
    noises = [rng.normal(0, 0.12, prompts.shape), rng.normal(0, 0.12, prompts.shape)]
    once, twice = prompts + noises[0], prompts + (noises[0] + noises[1]) / 2
    looks = [once[:, :4], once[:, :8], once, twice]
    sizes = {("names", one): Size(prompts=12, images=24) for one in (*CONCEPTS, "*")}
    asked = Asked(suites=("names",), concepts={"names": CONCEPTS}, sizes=sizes)

    def at(seen: np.ndarray, level: float) -> list[Finding]:
        half = stats.t.ppf(0.5 + level / 2, seen.shape[1] - 1) * seen.std(axis=1, ddof=1) / math.sqrt(seen.shape[1])
        middle = seen.mean(axis=1)
        return [
            Finding(
                lens="gender",
                suite="names",
                subject=name,
                metric="gender.lean",
                unit="x",
                neutral=0.0,
                estimate=Estimate(
                    value=m, low=m - h, high=m + h, level=level, method=Method.T, n_images=24, n_prompts=seen.shape[1]
                ),
            )
            for name, m, h in zip(CONCEPTS, middle.tolist(), half.tolist(), strict=True)
        ]

    return [Measured(asked=asked, findings_at=lambda level, seen=seen: at(seen, level)) for seen in looks]


def decided(means: np.ndarray, seed: int) -> np.ndarray:
    """Return what was decided of each concept at any look, in every world: 1 failed, -1 passed, 0 nothing."""
    rng = np.random.default_rng(seed)
    asks = policy(rule(metric="gender.lean", subject="each", at_most=0.3))
    signs = {Verdict.FAIL: 1, Verdict.PASS: -1, Verdict.INCONCLUSIVE: 0}
    found = []
    for _ in range(WORLDS):
        sequence = PolicySequence(asks, len(SIZES), TODAY)
        for number, measured in enumerate(world(means, rng), start=1):
            sequence.take(Look(number=number, measured=measured, reached=EVERY))
        found.append([signs[one.verdict] for one in sequence.ruling(over=True).results])
    return np.array(found)


def test_no_more_than_alpha_of_gates_fail_wrongly_at_any_look_with_every_truth_on_the_line():
    found = decided(np.full(6, 0.3), 1)
    wrong = (found == 1).any(axis=1).mean()
    assert wrong <= 0.025 + 2.6 * math.sqrt(0.025 * 0.975 / WORLDS)
    # of what is on the line, no more passes wrongly than a tail of the level
    assert (found == -1).mean() <= 0.025 + 2.6 * math.sqrt(0.025 * 0.975 / found.size)


def test_looking_at_the_level_of_a_fixed_run_each_time_would_be_wrong_too_often(monkeypatch):
    monkeypatch.setattr("audit.gate.looks.spent", lambda alpha, looks: (alpha,) * looks)
    found = decided(np.full(6, 0.3), 1)
    assert (found == -1).mean() > 0.04


def test_clear_cases_are_decided_and_rightly():
    means = np.array([-0.4, -0.4, 0.0, 0.6, 1.1, 1.1])
    found = decided(means, 2)
    assert (found[:, [0, 1]] == -1).mean() > 0.99
    assert (found[:, [4, 5]] == 1).mean() > 0.99
    assert (found[:, :3] == 1).mean() == 0.0
    assert (found[:, 3:] == -1).mean() == 0.0
