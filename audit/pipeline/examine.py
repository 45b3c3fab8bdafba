"""What the lenses answer on the evidence of a run, at any level and by single prompts, and what the run came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import pandas as pd

from audit.evidence import Evidence
from audit.gate import PromptValue
from audit.lenses import CONTROLS, LENSES, Lens, LensAnswer
from audit.plugins import PluginProblem
from audit.records import Decision, Finding

LEVEL: Final = 0.95
"""Level of the intervals in ``findings.json``, the tables and the report; a policy may ask for others."""

_KEY: Final = ["suite", "concept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Findings and tables of every lens at one level."""

    findings: tuple[Finding, ...]
    tables: Mapping[str, pd.DataFrame]


@final
class Examination:
    """Asks the lenses, each level and each prompt once.

    Args:
        evidence: Of one run.
        advance: Called with 1 whenever a lens has answered at ``LEVEL``.
    """

    def __init__(self, evidence: Evidence, advance: Callable[[int], None] = lambda _: None) -> None:
        self.evidence = evidence
        self._advance = advance
        self._answers: dict[float, Answers] = {}
        self._by_prompt: dict[str, tuple[tuple[PromptValue, str], ...]] = {}
        self.failed: dict[str, PluginProblem] = {}
        """Lenses of other packages that could not answer; the others answer without them."""

    def at(self, level: float = LEVEL) -> Answers:
        """Return what every lens answers at a level."""
        if level not in self._answers:
            findings: list[Finding] = []
            tables: dict[str, pd.DataFrame] = {}
            for lens in LENSES.values():
                answer = self._ask(lens, level)
                card = lens.card
                findings += [replace(found, judge_error=card.judge_error_of(found)) for found in answer.findings]
                tables = {**tables, **answer.tables, **tables}  # a table keeps its place, and who made it first
                if level == LEVEL:
                    self._advance(1)
            self._answers[level] = Answers(findings=tuple(findings), tables=tables)
        return self._answers[level]

    def _ask(self, lens: Lens, level: float) -> LensAnswer:
        try:
            return lens.examine(self.evidence, level=level)
        except PluginProblem as problem:
            self.failed[lens.card.name] = problem
            return LensAnswer(findings=(), tables={})

    def controls(self) -> pd.DataFrame | None:
        """Return the table of controls, which is the same at every level."""
        known = next(iter(self._answers.values()), None)
        tables = LENSES[CONTROLS].examine(self.evidence).tables if known is None else known.tables
        return tables.get(CONTROLS)

    def findings_at(self, level: float) -> tuple[Finding, ...]:
        """Return every finding at a level."""
        return self.at(level).findings

    def prompt_values(self, metric: str) -> tuple[PromptValue, ...]:
        """Return the value that each prompt of a concept has by itself, as its lens gives it when it sees no other.

        References, controls and scales stay. A metric that concepts do not have has no values.
        """
        lens = metric.partition(".")[0]
        if lens not in self._by_prompt:
            self._by_prompt[lens] = _single_prompts(self.evidence, lens)
        return tuple(value for value, of in self._by_prompt[lens] if of == metric)


def _single_prompts(evidence: Evidence, lens: str) -> tuple[tuple[PromptValue, str], ...]:
    """Ask a lens about the first prompt of every concept, then about the second of every concept, and so on."""
    asked = evidence.prompts["role"] == "subject"
    place = evidence.prompts[asked].groupby(_KEY).cumcount()
    found: list[tuple[PromptValue, str]] = []
    for number in range(int(place.max()) + 1 if len(place) else 0):
        chosen = place.index[place == number]
        texts = evidence.prompts.loc[chosen].set_index(_KEY)["text"].to_dict()
        others = evidence.prompts.index[~asked]
        findings = LENSES[lens].examine(_only(evidence, evidence.prompts.loc[others.union(chosen)])).findings
        found += [
            (
                PromptValue(
                    suite=one.suite,
                    subject=one.subject,
                    text=str(texts[one.suite, one.subject]),
                    value=one.estimate.value,
                ),
                one.metric,
            )
            for one in findings
            if (one.suite, one.subject) in texts
        ]
    return tuple(found)


def _only(evidence: Evidence, prompts: pd.DataFrame) -> Evidence:
    def kept(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["prompt_id"].isin(prompts["prompt_id"])].reset_index(drop=True)

    return replace(
        evidence,
        labels=evidence.labels.iloc[:0],
        prompts=prompts.reset_index(drop=True),
        images=kept(evidence.images),
        scores={name: kept(table) for name, table in evidence.scores.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    folder: Path
    findings: tuple[Finding, ...]
    tables: Mapping[str, pd.DataFrame]
    """Tables of the lenses."""
    decision: Decision
    evidence: Evidence
