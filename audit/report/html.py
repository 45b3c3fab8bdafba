"""Reports and papers as one HTML file each: no script, nothing fetched, readable from disk, for a strict policy."""

from __future__ import annotations

import base64
import re
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from audit.report.figures import COOL, GOLD, INK, PAPER, QUIET, RULE, WARM, draw_forest
from audit.report.labels import FONT
from audit.report.model import DrawnFigure, ForestFigure, Paper, Picture, Report
from audit.report.templates import read_template
from audit.report.text import NAME_END, NAME_START

_COLOURS: Final = {
    INK: "ink",
    QUIET: "quiet",
    RULE: "rule",
    PAPER: "paper",
    COOL: "cool",
    WARM: "warm",
    GOLD: "gold",
}
_PARTS: Final = "parts.html.j2"
_STYLE = re.compile(r'(?<= style=")[^"]*')


def render_html(report: Report) -> str:
    """Set the report as a self-contained page.

    Returns:
        HTML text, to be written as UTF-8. Equal content gives equal text.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    return render_page("report.html.j2", report=report)


def render_paper_html(paper: Paper) -> str:
    """Set a comparison or a history as a self-contained page, as :func:`render_html` does a report."""
    return render_page("paper.html.j2", paper=paper)


def render_page(name: str, **content: object) -> str:
    """Set the template ``name`` with its content, in the one style that all pages have.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    environment = Environment(
        loader=DictLoader({file: read_template(file) for file in (name, _PARTS)}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=_prose, svg=_svg, data_uri=_data_uri)
    style = Markup(read_template("report.css"))  # noqa: S704  (our own file)
    return environment.get_template(name).render(**content, style=style).lstrip()


def _prose(text: str) -> Markup:
    """Escape a sentence and isolate the names in it, so that their direction stays theirs."""
    marked = str(escape(text)).replace(NAME_START, "<bdi>").replace(NAME_END, "</bdi>")
    return Markup(marked)  # noqa: S704  (escaped in the line above)


def _svg(figure: ForestFigure | DrawnFigure) -> Markup:
    """Draw a figure for the page: colours and font are those of the page, label and description its texts."""
    own = figure.svg if isinstance(figure, DrawnFigure) else draw_forest(figure)
    drawn = _STYLE.sub(lambda found: _scheme(found[0]), own)
    opening = f'<svg role="img" aria-labelledby="{figure.name}-caption" aria-describedby="{figure.name}-text" '
    return Markup(drawn.replace("<svg ", opening, 1))  # noqa: S704  (matplotlib's SVG, labels escaped by ElementTree)


def _scheme(style: str) -> str:
    for colour, name in _COLOURS.items():
        style = style.replace(colour, f"var(--{name})")
    return style.replace(f"'{FONT}'", "var(--figure-font)")


def _data_uri(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii")
