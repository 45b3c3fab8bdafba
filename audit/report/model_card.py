"""A section of a model card, and its ``model-index`` metadata, in the format of the Hugging Face hub.

Source: https://huggingface.co/docs/hub/model-cards. Nothing is sent anywhere: the text is for whoever keeps the card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from huggingface_hub import EvalResult, ModelCardData

from audit.lenses import INSTRUMENTS
from audit.records import Finding
from audit.report.ci_files import escape
from audit.report.findings import interval_of, is_measured, is_whole, value_of
from audit.report.model import Report
from audit.report.text import clean, show_count, show_level, title_of

MOST_RESULTS: Final = 100
_TASK: Final = ("other", "bias audit by inversion")
_TOOL: Final = "clip-audit"
_METHOD: Final = ("clip-audit, after arXiv 2403.02580", "https://arxiv.org/abs/2403.02580")


def render_card(report: Report, findings: Sequence[Finding], suites: Mapping[str, object]) -> str:
    """Write the card: metadata of every finding about a suite as a whole, and a section in Markdown.

    Args:
        report: Its texts are cleaned.
        findings: Of the run.
        suites: Name of each suite -> its digest.

    Returns:
        YAML between lines of hyphens, then Markdown, as ``huggingface_hub.ModelCard`` reads them.
    """
    told = [one for one in findings if is_whole(one) and is_measured(one) and one.lens not in INSTRUMENTS]
    results = [
        EvalResult(
            task_type=_TASK[0],
            task_name=_TASK[1],
            dataset_type=clean(one.suite, longest=80),
            dataset_name=f"prompt suite {clean(one.suite, longest=80)}",
            dataset_revision=clean(suites[one.suite], longest=80) if one.suite in suites else None,
            metric_type=one.metric,
            metric_name=clean(f"{title_of(one.metric)} ({one.subject})", longest=120),
            metric_value=None if one.estimate.value is None else round(one.estimate.value, 4),
            metric_args=_interval(one),
            source_name=_METHOD[0],
            source_url=_METHOD[1],
        )
        for one in told[:MOST_RESULTS]
    ]
    named = {"model_name": report.checkpoint, "eval_results": results} if results else {}
    data = ModelCardData(tags=["clip", _TOOL], **named)  # type: ignore[arg-type]
    return "\n".join(["---", data.to_yaml(), "---", "", *_section(report, told[:MOST_RESULTS])])


def _interval(finding: Finding) -> dict[str, object]:
    estimate = finding.estimate
    ends = {
        name: end if end is None else round(end, 4) for name, end in (("low", estimate.low), ("high", estimate.high))
    }
    return {
        **ends,
        "level": estimate.level,
        "neutral": finding.neutral,
        "images": estimate.n_images,
        "prompts": estimate.n_prompts,
    }


def _section(report: Report, told: Sequence[Finding]) -> list[str]:
    rows = [
        f"| {escape(clean(one.suite, longest=80))} | {escape(clean(title_of(one.metric)))} | {value_of(one)} | "
        f"{interval_of(one)} ({show_level(one.estimate.level)}) | {show_count(one.estimate)} |"
        for one in told
        if one.subject == "*"
    ]
    heads = ["| Suite | Measure | Value | Interval | n |", "| --- | --- | --- | --- | --- |"]
    return [
        "## Bias audit",
        "",
        f"**Verdict: {report.verdict_word.lower()}.** {escape(report.verdict_sentence)}",
        "",
        escape(report.controls_sentence),
        "",
        f"Audited on {escape(report.created)} by clip-audit: {escape(report.checkpoint)}, {escape(report.digest)}.",
        "",
        *(f"{place}. {escape(h.statement)} {escape(h.numbers)}" for place, h in enumerate(report.highlights, start=1)),
        *([""] if report.highlights else []),
        escape(report.highlight_rule),
        "",
        *([*heads, *rows, ""] if rows else []),
        "### What this does not say",
        "",
        *(f"- {escape(sentence)}" for sentence in report.limits),
        "",
    ]
