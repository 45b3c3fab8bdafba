"""Several runs for people."""

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from audit.records import Estimate, Method
from audit.studies.compare.many_page import (
    ScalePage,
    draw_scale,
    is_sure,
    render_scale,
    scale_columns,
    scale_row,
    trend_sentence,
)
from audit.studies.compare.many_runs import Trend


def estimate(value, low=None, high=None) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=0.95, method=Method.T, n_images=4, n_prompts=2)


RISING = Trend(
    lens="quality",
    suite="[b]suite[/b]",
    metric="quality.judged_z",
    unit="standard deviations",
    values=(estimate(1.0, 0.8, 1.2), estimate(1.5, 1.2, 1.8), estimate(None)),
    slope=estimate(0.25, 0.1, 0.4),
    order=1.0,
    p_value=0.01,
    p_adjusted=0.02,
    note="",
)
FALLING = dataclasses.replace(RISING, metric="nsfw.rate", slope=estimate(-0.2, -0.3, -0.1))
UNSURE = dataclasses.replace(RISING, metric="gender.lean", p_adjusted=0.2)
PAGE = ScalePage(
    checkpoints=["one", "two", "three"],
    axis="doubling of training images",
    places=(10.0, 12.0, 14.0),
    labels=("1,024", "4,096", "16,384"),
    level=0.95,
    sentences=["A sentence."],
    trends=(UNSURE, FALLING, RISING),
)


def test_a_row_fits_its_columns_and_says_what_is_missing():
    row = scale_row(RISING)
    assert len(row) == len(scale_columns(PAGE))
    assert row[2] == "1.00 (0.80 to 1.20)"
    assert row[4] == "not measured (no interval)"
    assert row[5:7] == ("+0.25", "+0.10 to +0.40")


def test_the_sentence_counts_what_surely_rises_and_falls():
    assert trend_sentence(PAGE).startswith("Over 3 checkpoints, of 3 measures of whole suites 1 rise and 1 fall with ")


def test_a_trend_without_interval_or_p_value_is_not_sure():
    assert is_sure(RISING, 0.95)
    assert not is_sure(dataclasses.replace(RISING, slope=estimate(0.2)), 0.95)
    assert not is_sure(dataclasses.replace(RISING, p_adjusted=None), 0.95)
    assert not is_sure(UNSURE, 0.95)


def test_the_page_escapes_names_and_names_every_checkpoint():
    page = render_scale(PAGE)
    assert r"\[b\]suite\[/b\]" in page
    assert "- 16,384: three" in page
    assert "scale.svg" in page


@pytest.mark.parametrize("trends", [PAGE.trends, (), (RISING,) * 14])
def test_the_figure_is_one_svg_and_the_same_each_time(trends):
    page = dataclasses.replace(PAGE, trends=trends)
    drawn = draw_scale(page)
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314  (our own)
    assert drawn == draw_scale(page)
