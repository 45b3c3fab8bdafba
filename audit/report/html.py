"""The report as one HTML file: no script, nothing fetched, readable from disk and behind a strict policy."""

from __future__ import annotations

import base64
import re
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from audit.report.figures import COOL, FONT, GOLD, INK, PAPER, QUIET, RULE, WARM, draw_forest
from audit.report.model import DrawnFigure, ForestFigure, Picture, Report
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
_MACROS: Final = "macros.html.j2"
_STYLE = re.compile(r'(?<= style=")[^"]*')


def render_html(report: Report) -> str:
    """Set the report as a self-contained page.

    Returns:
        HTML text, to be written as UTF-8. Equal content gives equal text.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    return make_environment("report.html.j2").get_template("report.html.j2").render(report=report, style=page_style())


def make_environment(name: str) -> Environment:
    """Return what sets the template ``name``, with what all pages have in common.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    environment = Environment(
        loader=DictLoader({one: read_template(one) for one in (name, _MACROS)}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=_prose, svg=_svg, data_uri=_data_uri)
    return environment


def page_style() -> Markup:
    """Return the style sheet of every page.

    Raises:
        EnvironmentProblem: If it is missing.
    """
    return Markup(read_template("report.css"))  # noqa: S704  (our own file)


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
