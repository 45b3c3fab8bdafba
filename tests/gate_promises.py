"""Policies about three concepts, asked what they can tell before a run, and runs that show a spread."""

from __future__ import annotations

import math

from scipy import stats

from audit.gate import Asked, Policy, Seen, Size, power_of_policy
from audit.records import Estimate, Finding, Method
from tests.gates import rule

CONCEPTS = ("baker", "nurse", "pilot")


def asked(prompts: int = 24) -> Asked:
    sizes = {("names", concept): Size(prompts=prompts, images=2 * prompts) for concept in CONCEPTS}
    sizes["names", "*"] = Size(prompts=3 * prompts, images=6 * prompts)
    return Asked(suites=("names",), concepts={"names": CONCEPTS}, sizes=sizes)


def seen(sd: float, prompts: int, *, method: Method = Method.T, metric: str = "gender.lean") -> Seen:
    half = sd / math.sqrt(prompts) * stats.t.ppf(0.975, prompts - 1)
    estimate = Estimate(
        value=0.1, low=0.1 - half, high=0.1 + half, level=0.95, method=method, n_images=prompts, n_prompts=prompts
    )
    found = Finding(
        lens="gender", suite="names", subject="nurse", metric=metric, unit="x", neutral=0.0, estimate=estimate
    )
    return Seen(name="run", findings={found.finding_id: found}, units={("names", "nurse"): prompts})


def lean(**changes):
    return rule(**{"metric": "gender.lean", "subject": "nurse", "between": (-0.75, 0.75), **changes})


def powers(asks: Policy, prompts: int = 24, run: Seen | None = None):
    units = {("names", "*"): 3, **{("names", concept): prompts for concept in CONCEPTS}}
    return power_of_policy(asks, asked(prompts), units, run)
