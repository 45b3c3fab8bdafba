"""Findings and decision become a report: HTML, PDF, Markdown summary and JUnit, from one content."""

from __future__ import annotations

from audit.report.ci_files import render_annotations, render_junit, render_summary
from audit.report.content import build_report
from audit.report.explorer import explore_run, render_explorer
from audit.report.figures import draw_forest
from audit.report.html import render_html, render_paper_html
from audit.report.model import DrawnFigure, Paper, Report, ReportInput
from audit.report.pdf import render_paper_pdf, render_pdf, render_summary_pdf

__all__ = [
    "Paper",
    "Report",
    "ReportInput",
    "build_report",
    "draw_figures",
    "explore_run",
    "render_annotations",
    "render_explorer",
    "render_html",
    "render_junit",
    "render_paper_html",
    "render_paper_pdf",
    "render_pdf",
    "render_summary",
    "render_summary_pdf",
]


def draw_figures(report: Report) -> dict[str, str]:
    """Return the figures of a report as SVG text by file name, for the folder ``figures``."""
    figures = [figure for section in report.sections for figure in section.figures]
    if report.opening.figure is not None:
        figures.append(report.opening.figure)
    return {f"{one.name}.svg": one.svg if isinstance(one, DrawnFigure) else draw_forest(one) for one in figures}
