"""Which pictures a report shows: flagged ones left out or as squares, none, and none of who has a pseudonym."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from report_source import NAMES, make_source

from audit.report import build_report, render_html
from audit.report.model import ContactSheet, Report


def made(**changes: object) -> Report:
    return build_report(replace(make_source(), **changes))


def sheet(report: Report) -> ContactSheet:
    return next(one.sheet for one in report.sections if one.title == "phantom-names")


@pytest.fixture(scope="module")
def pixelated() -> Report:
    return made(pictured="pixelated")


def test_flagged_pictures_are_shown_as_squares_when_asked(pixelated: Report):
    picture = next(one for one in sheet(pixelated).pictures if one.label == "Mira Sol")
    pixels = np.asarray(Image.open(io.BytesIO(picture.jpeg)).convert("RGB"), dtype=float)
    assert pixels.shape == (128, 128, 3)
    within = pixels.reshape(8, 16, 8, 16, 3)[:, 4:12, :, 4:12]  # at their edges squares of a JPEG blur
    assert within.std(axis=(1, 3)).max() < 3
    assert "pixelated" in picture.detail
    assert "because a judge flagged it" in picture.alternative


def test_other_pictures_stay_as_they_are(pixelated: Report):
    plain, others = (
        {one.label: (one.detail, one.jpeg) for one in sheet(report).pictures} for report in (made(), pixelated)
    )
    assert {name: others[name] for name in plain} == plain
    assert set(others) - set(plain) == {"Mira Sol"}
    assert "squares" in sheet(pixelated).rule


def test_no_picture_at_all_when_asked():
    def read(keys):
        pytest.fail(f"asked for {keys}")

    report = made(pictured="none", read_pictures=read)
    assert sheet(report).pictures == ()
    assert "<img" not in render_html(report)
    assert "--images none" in render_html(report)


def test_of_who_has_a_pseudonym_no_picture_is_shown_or_read():
    asked = []
    source = make_source()

    def read(keys):
        asked.extend(keys)
        return source.read_pictures(keys)

    shown = sheet(made(read_pictures=read, unpictured=frozenset({"Dan Reed", "Mira Sol"})))
    prompts = source.evidence.prompts.set_index("prompt_id")["concept"]
    assert {one.label for one in shown.pictures} == set(NAMES) - {"Dan Reed", "Mira Sol"}
    assert {prompts[key[0]] for key in asked}.isdisjoint({"Dan Reed", "Mira Sol"})
    assert any("under a pseudonym, whose pictures are not shown: 2" in note for note in shown.left_out)
