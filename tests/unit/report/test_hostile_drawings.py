"""Names of strangers in drawings: every SVG file that we write, read as what it is."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import pytest
from papers import comparison, estimate, history
from report_source import HOSTILE, make_hostile

from audit.report import Paper, build_report, draw_figures
from audit.report.figures import draw_forest
from audit.report.model import ForestFigure
from audit.studies.compare.many_page import ScalePage, draw_scale, render_scale
from audit.studies.compare.many_runs import Trend

ALLOWED = {"svg", "g", "defs", "style", "path", "use", "text", "clipPath", "rect"}
"""What matplotlib draws with; none of these runs or fetches anything."""
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def of_paper(paper: Paper) -> dict[str, str]:
    return {
        figure.name: draw_forest(figure) if isinstance(figure, ForestFigure) else figure.svg
        for section in paper.sections
        for figure in section.figures
    }


@pytest.fixture(scope="module")
def drawings() -> Mapping[str, Mapping[str, str]]:
    return {
        "report": {name.removesuffix(".svg"): svg for name, svg in draw_figures(build_report(make_hostile())).items()},
        "comparison": of_paper(comparison(hostile=True)),
        "history": of_paper(history(hostile=True)),
        "scale": {"scale": draw_scale(scale())},
    }


def elements(svg: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter())  # noqa: S314  (read as a stranger's program would)


def scale() -> ScalePage:
    values = (estimate(0.1), estimate(0.2), estimate(None))
    trends = [
        Trend(
            lens="other", suite=text, metric=f"other.{text}", unit="", values=values, slope=estimate(0.1), order=1.0,
            p_value=0.01, p_adjusted=0.02, note=text,
        )
        for text in HOSTILE
    ]  # fmt: skip
    return ScalePage(
        checkpoints=HOSTILE[:3], axis=HOSTILE[11], places=(1.0, 2.0, 3.0), labels=(HOSTILE[2], HOSTILE[7], HOSTILE[9]),
        level=0.95, sentences=HOSTILE, trends=trends,
    )  # fmt: skip


def texts(svg: str) -> list[str]:
    return ["".join(one.itertext()) for one in elements(svg) if one.tag.endswith("}text")]


@pytest.mark.parametrize("source", ["report", "comparison", "history", "scale"])
def test_a_drawing_holds_nothing_that_runs_or_fetches(drawings, source):
    assert drawings[source]
    for svg in drawings[source].values():
        for element in elements(svg):
            assert element.tag.rpartition("}")[2] in ALLOWED
            for key, value in element.attrib.items():
                name = key.rpartition("}")[2]
                assert not name.lower().startswith("on")
                assert name != "href" or value.startswith("#")
                assert not re.search(r"url\((?!#)|javascript:|https?:", value)


@pytest.mark.parametrize("source", ["report", "comparison", "history", "scale"])
def test_a_drawing_holds_no_control_or_bidirectional_character(drawings, source):
    assert not any(FORBIDDEN.search(svg) for svg in drawings[source].values())


@pytest.mark.parametrize(
    ("source", "name"),
    [("report", "main-figure"), ("report", "suite-1-outcomes"), ("comparison", "change-1-gender-lean")],
)
def test_a_name_in_a_drawing_is_shown_as_text_cut_to_its_room(drawings, source, name):
    told = texts(drawings[source][name])
    assert any(one.startswith("</script><img src") for one in told)
    assert any(one.startswith('#read("/etc/') for one in told)
    assert "$x_1$ and *bold* _it_" in told
    assert any(one.startswith("AAAA") and one.endswith("…") and len(one) < 40 for one in told)


def test_a_scale_shows_names_as_text_in_drawing_and_markdown(drawings):
    told = texts(drawings["scale"]["scale"])
    assert "$x_1$ and *bold* _it_" in told
    assert "ممرضة 12" in told
    page = render_scale(scale())
    assert "](" not in page.replace("\\](", "").replace("![Values against the axis](scale.svg)", "")
    assert "https://" not in page
    assert "<" not in page
    assert not re.search(r"^::", page, re.MULTILINE)
    assert not FORBIDDEN.search(page)


def test_a_history_draws_numbers_only_and_tells_names_beside(drawings):
    told = [one for svg in drawings["history"].values() for one in texts(svg)]
    assert told
    for one in told:
        assert re.fullmatch(r"\d+|[+\u2212]?\d+\.\d+|run|(neutral|at most|at least) [+\u2212]?\d+\.\d+", one), one
    captions = " ".join(figure.caption for section in history(hostile=True).sections for figure in section.figures)
    assert HOSTILE[2] in captions
