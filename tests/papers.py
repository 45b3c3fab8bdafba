"""A comparison and a history of few runs, with hostile names among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from report_source import CARD, HOSTILE, make_finding

from audit.records import Change, Estimate, Method
from audit.report import Paper
from audit.report.explorer import Explorer
from audit.studies.compare.comparison_pages import ChangePage, ChangeSection, comparison_paper
from audit.studies.compare.explored_changes import explore_comparison
from audit.studies.compare.two_runs import ComparedRun, Comparison, judge_changes
from audit.studies.run_history import Bound, PastRun, history_paper, trends


def estimate(value: float | None, half: float = 0.1) -> Estimate:
    low, high = (None, None) if value is None else (value - half, value + half)
    return Estimate(value=value, low=low, high=high, level=0.95, method=Method.T, n_images=8, n_prompts=4)


def change(subject: str, value: float | None, *, metric: str = "gender.lean", suite: str = "suite") -> Change:
    return Change(
        lens=metric.partition(".")[0], suite=suite, subject=subject, metric=metric, unit="score",
        baseline=estimate(0.1), candidate=estimate(0.3), difference=estimate(value), worsening=None, p_adjusted=0.04,
    )  # fmt: skip


def comparison(*, hostile: bool = False, conclusive: bool = True) -> Paper:
    names = HOSTILE if hostile else ["nurse", "pilot", "an aircraft maintenance supervisor", "cook"]
    worse = [change(name, place / 20 - 0.3) for place, name in enumerate(names)]
    page = ChangePage(
        baseline=HOSTILE[0] if hostile else "phantom:balanced",
        candidate=HOSTILE[7] if hostile else "phantom:skewed",
        verdict="Compared: of 4 findings on 32 pairs of images, 4 worse.",
        doubts=() if conclusive else ("In the candidate, a control failed: noise.",),
        warnings=HOSTILE[:3] if hostile else (),
        level=0.95,
        sections=[
            ChangeSection(title="Worse", changes=[*worse, change("*", 0.2), change("nobody", None)]),
            ChangeSection(title="Better", changes=[]),
        ],
    )
    return comparison_paper(page, conclusive=conclusive, created="2026-11-20")


def explored_comparison() -> Explorer:
    changes = [change(name, place / 20 - 0.3) for place, name in enumerate(["nurse", "pilot", "cook", *HOSTILE])]
    changes += [change("*", 0.2, metric="gender.parity_gap"), change("nobody", None)]
    sides = [
        ComparedRun(folder=Path(name), checkpoint=replace(CARD, name=name), spec_digest="ab" * 32)
        for name in ("phantom:balanced", HOSTILE[7])
    ]
    found = Comparison(
        baseline=sides[0], candidate=sides[1], level=0.95, margin=None, told=judge_changes(changes), instruments=(),
        doubts=("In the candidate, a control failed: noise.",), warnings=(), n_pairs=32, n_identical=0, n_usable_once=0,
    )  # fmt: skip
    return explore_comparison(found, verdict="Compared: of 17 findings, 17 cannot be told.", created="2026-11-20")


def history(*, hostile: bool = False) -> Paper:
    moments = []
    for step in range(12):
        name = HOSTILE[step] if hostile else f"step-{step}"
        subject = HOSTILE[2] if hostile else "nurse"
        findings = (
            make_finding("gender.parity_gap", "*", 0.02 * step, suite="suite"),
            make_finding("gender.lean", subject, 0.3 - 0.1 * step if step != 4 else None, suite="suite"),
            make_finding("nsfw.rate", "*", 0.01 * step, suite="names", half=0.005),
        )
        moments.append(PastRun(folder=name, checkpoint=replace(CARD, name=name), findings=findings))
    bound = Bound(rule="lean", metric="gender.lean", suite="*", subject="each", low=-0.5, high=0.5)
    told = trends(moments, [bound])
    left_out = HOSTILE[:3] if hostile else ["step-12: it is not finished."]
    return history_paper(moments, told, left_out=left_out, policy="release", created="2026-11-20")
