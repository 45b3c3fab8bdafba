"""Reports and papers as one HTML file each: no script, nothing fetched, readable from disk, for a strict policy."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from audit.errors import EnvironmentProblem
from audit.packaged import TEMPLATES
from audit.report.figures import COOL, FONT, GOLD, INK, PAPER, QUIET, RULE, WARM, draw_forest
from audit.report.model import DrawnFigure, ForestFigure, Paper, Picture, Report
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


def template_folder() -> Path:
    """Return the folder of the report templates.

    Raises:
        EnvironmentProblem: If it is not there.
    """
    if not TEMPLATES.is_dir():
        raise EnvironmentProblem(f"The report templates are not at {TEMPLATES}.", remedy="Install clip-audit again.")
    return TEMPLATES


def read_template(name: str) -> str:
    """Return the text of one template.

    Raises:
        EnvironmentProblem: If there is no such file.
    """
    path = template_folder() / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise EnvironmentProblem(
            f"The report template {path} cannot be read: {problem.strerror}.",
            remedy="Install clip-audit again, or restore it in a checkout: git checkout -- reports/templates.",
        ) from problem
