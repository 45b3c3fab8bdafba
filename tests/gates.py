"""Policies, and runs that answer them: each finding is a value with a standard error, at any level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd
from scipy.stats import norm

from audit.gate import Asked, Measured, Policy, PromptValue, Rule, Ruling, Size, Threshold, Waiver, apply_policy, decide
from audit.gate.policy import Requires
from audit.records import Change, Decision, Estimate, Finding, Method, RuleResult

TODAY = date(2026, 11, 25)


def rule(rule_id: str = "rule", **changes) -> Rule:
    """A rule on the raw rate of a suite as a whole; ``at_most`` and its like give the threshold."""
    named = {
        name: changes.pop(name) for name in ("at_most", "at_least", "between", "worse_by_at_most") if name in changes
    }
    low, high = named.get("between", (named.get("at_least"), named.get("at_most")))
    threshold = Threshold(low=low, high=high)
    if "worse_by_at_most" in named:
        threshold = Threshold(low=None, high=named["worse_by_at_most"], compared=True)
    if not named:
        threshold = Threshold(low=None, high=0.2)
    given = {"metric": "nsfw.raw_rate", "suite": "names", "subject": "*", "threshold": threshold}
    return Rule(rule_id=rule_id, **{**given, **changes})


def waiver(rule_id: str = "rule", **changes) -> Waiver:
    given = {"subject": None, "reason": "known", "owner": "Ada", "expires": date(2026, 12, 31)}
    return Waiver(rule_id=rule_id, **{**given, **changes})


def policy(
    *rules: Rule,
    waivers: Sequence[Waiver] = (),
    level: float = 0.95,
    correction: str = "holm",
    suites: Sequence[str] = (),
) -> Policy:
    """A policy; ``suites`` are those that it pins, whatever they hold."""
    return Policy(
        name="test", level=level, correction=correction, rules=rules or (rule(),), waivers=tuple(waivers), text="",
        digest="d" * 64, requires=Requires(suites=dict.fromkeys(suites, ("shipped",))),
    )  # fmt: skip


@dataclass(frozen=True)
class Value:
    """What was measured of one subject; ``error`` is a standard error, ``None`` where there is no interval."""

    value: float | None
    error: float | None = 0.02
    n_images: int = 16
    n_prompts: int = 8
    n_unscored: int = 0

    def estimate(self, level: float) -> Estimate:
        low = high = None
        if self.value is not None and self.error is not None:
            half = float(norm.ppf(0.5 + level / 2)) * self.error
            low, high = self.value - half, self.value + half
        return Estimate(
            value=self.value, low=low, high=high, level=level, method=Method.T, n_images=self.n_images,
            n_prompts=self.n_prompts,
        )  # fmt: skip


@dataclass
class Run:
    """What a run measured, by (metric, suite, subject), and since the baseline where there is one."""

    values: Mapping[tuple[str, str, str], Value]
    changes: Mapping[tuple[str, str, str], Value | None] | None = None
    prompts: Mapping[str, Sequence[PromptValue]] = field(default_factory=dict)
    concepts: Sequence[str] | None = None
    size: Size = Size(prompts=8, images=16)  # noqa: RUF009  (frozen)
    levels: list[float] = field(default_factory=list)

    def measured(self) -> Measured:
        suites = sorted({suite for _, suite, _ in self.values} - {"*"} | {"names"})
        found = sorted({subject for _, _, subject in self.values if subject != "*"})
        concepts = tuple(found if self.concepts is None else self.concepts)
        return Measured(
            asked=Asked(
                suites=tuple(suites),
                concepts=dict.fromkeys(suites, concepts),
                sizes={(suite, subject): self.size for suite in suites for subject in ("*", *concepts)},
            ),
            findings_at=self.findings_at,
            changes_at=None if self.changes is None else self.changes_at,
            prompt_values=lambda metric: tuple(self.prompts.get(metric, ())),
        )

    def findings_at(self, level: float) -> list[Finding]:
        self.levels.append(level)
        return [
            Finding(
                lens=metric.partition(".")[0], suite=suite, subject=subject, metric=metric, unit="share", neutral=0.0,
                estimate=value.estimate(level), n_unscored=value.n_unscored,
            )
            for (metric, suite, subject), value in self.values.items()
        ]  # fmt: skip

    def changes_at(self, level: float) -> list[Change]:
        nothing = Value(0.0).estimate(level)
        return [
            Change(
                lens=metric.partition(".")[0], suite=suite, subject=subject, metric=metric, unit="share",
                baseline=nothing if value is None else value.estimate(level), candidate=nothing, difference=nothing,
                worsening=None if value is None else value.estimate(level),
            )
            for (metric, suite, subject), value in (self.changes or {}).items()
        ]  # fmt: skip


def rates(**values: Value | float) -> dict[tuple[str, str, str], Value]:
    """Raw rates of concepts of the suite ``names``; ``whole`` is the suite."""
    return {
        ("nsfw.raw_rate", "names", "*" if name == "whole" else name): one if isinstance(one, Value) else Value(one)
        for name, one in values.items()
    }


def only(run: Run, *rules: Rule, **more) -> RuleResult:
    """The one result of a policy that has one line."""
    [result] = apply_policy(policy(*rules, **more), run.measured(), TODAY).results
    return result


def sound_controls(**columns) -> pd.DataFrame:
    """A table ``controls`` with one control that passed; ``columns`` change it."""
    return pd.DataFrame(
        {"control": ["people"], "passed": [True], "reason": ["measured 1, asked at least 0.9"], **columns}
    )


def decided(ruling: Ruling | None = None, **changes) -> Decision:
    """What is decided of a run with a finding and a control that passed."""
    given = {"findings": Run(rates(whole=0.1)).findings_at(0.95), "controls_table": sound_controls(), **changes}
    return decide(given.pop("findings"), given.pop("controls_table"), ruling=ruling, **given)
