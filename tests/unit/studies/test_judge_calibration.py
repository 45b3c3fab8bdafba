"""A judge on labelled photographs: its errors by group are those that it was given, and wrong rows are named."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from audit.errors import UsageProblem
from audit.judges.judge_protocol import GENDER_COLUMNS, NSFW_COLUMNS, as_scores
from audit.pipeline import Silence
from audit.records import JudgeCard, Score
from audit.studies.own_images.judge_calibration import calibrate_judge, read_photo_labels

HEADER = "file,person,group,question,label"
TONES = {"woman": 200, "man": 40, "unread": 120}


class BrightnessJudge:
    """Reads bright pictures as women and dark ones as men, by a threshold of its own; grey ones it does not read."""

    def __init__(self, threshold=0.7, asks=("gender", "nsfw")) -> None:
        self.card = JudgeCard(
            name="brightness", digest="b" * 64, classes=(*GENDER_COLUMNS, *NSFW_COLUMNS), asks=asks, threshold=threshold
        )

    def score(self, images):
        light = images.float().mean(dim=(1, 2, 3)) / 255
        woman = [float(x) if abs(float(x) - 0.5) > 0.1 else 0.5 for x in light]
        columns = {"woman": woman, "man": [1 - one for one in woman], "mixed": [0.0] * len(woman)}
        columns |= {"no_person": [0.0] * len(woman), "signed": [0.0] * len(woman), "unsafe": [0.1] * len(woman)}
        return as_scores(columns)


def paint(path, tone):
    Image.fromarray(np.full((8, 8, 3), TONES[tone], dtype=np.uint8)).save(path)


@pytest.fixture
def photos(tmp_path):
    """Ten women of each group: the judge takes one in five of group x, and four in five of y, for men."""
    rows = [HEADER]
    for group, wrong in (("x", 2), ("y", 8)):
        for person in range(10):
            for number in range(2):
                file = f"{group}{person}-{number}.png"
                paint(tmp_path / file, "man" if person < wrong else "woman")
                rows.append(f"{file},{group}{person},{group},gender,woman")
            paint(tmp_path / f"{group}{person}-him.png", "man")
            rows.append(f"{group}{person}-him.png,him {group}{person},{group},gender,man")
    for number, label in enumerate(("no_person", "cannot tell")):
        paint(tmp_path / f"z{number}.png", "unread")
        rows.append(f"z{number}.png,nobody,x,gender,{label}")
    paint(tmp_path / "grey.png", "unread")
    rows.append("grey.png,grey,x,gender,woman")
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path, path


def test_sensitivity_and_specificity_are_those_of_each_group(photos):
    folder, path = photos
    found = calibrate_judge(BrightnessJudge(), read_photo_labels(path, folder), folder, Silence())
    (errors,) = found.questions
    sensitivity, specificity = ({one.group: one for one in side} for side in (errors.sensitivity, errors.specificity))
    assert (sensitivity["x"].rate.value, sensitivity["y"].rate.value) == (0.8, pytest.approx(0.2))
    assert {one.rate.n_clusters for one in sensitivity.values()} == {10}
    assert sensitivity["x"].rate.low < 0.8 < sensitivity["x"].rate.high
    assert sensitivity["x"].gap.value == pytest.approx(0.6)
    assert sensitivity["x"].gap.low > 0
    assert sensitivity["x"].p_adjusted < 0.05
    assert {one.rate.value for one in specificity.values()} == {1.0}
    assert {one.group: one.rate.value for one in errors.read}["y"] == 1.0
    assert {one.group: one.rate.value for one in errors.read}["x"] < 1.0
    assert errors.other_labels == 2
    assert found.threshold == 0.7


def test_the_threshold_of_the_judge_counts(photos):
    folder, path = photos
    rows = read_photo_labels(path, folder)
    strict = calibrate_judge(BrightnessJudge(threshold=0.99), rows, folder, Silence()).questions[0]
    assert strict.sensitivity == ()
    assert {one.rate.value for one in strict.read} == {0.0}


def test_a_judge_that_could_not_look_reads_nothing(photos):
    folder, path = photos

    class Blind(BrightnessJudge):
        def score(self, images):
            return tuple(Score(values=None, reason="it is dark") for _ in images)

    errors = calibrate_judge(Blind(), read_photo_labels(path, folder), folder, Silence()).questions[0]
    assert {one.rate.value for one in errors.read} == {0.0}


def test_a_judge_of_other_things_is_refused(photos):
    folder, path = photos
    with pytest.raises(UsageProblem, match="answers nsfw"):
        calibrate_judge(BrightnessJudge(asks=("nsfw",)), read_photo_labels(path, folder), folder, Silence())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x0-0.png,x0,x,age,old", "column question: 'age'"),
        ("x0-0.png,x0,x,nsfw,woman", "column label: 'woman'"),
        ("x0-0.png,x0,x,gender,man", "column file: repeats line 2"),
        ("x0-0.png,x0,y,nsfw,safe", "column group: the same person"),
        ("none.png,x0,x,nsfw,safe", "column file: there is no"),
    ],
)
def test_a_wrong_row_is_named(photos, row, said):
    folder, path = photos
    path.write_text(path.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    with pytest.raises(UsageProblem) as caught:
        read_photo_labels(path, folder)
    assert said in caught.value.what
    assert "line 65" in caught.value.what
    assert caught.value.remedy


def test_a_picture_that_is_none_is_named(photos):
    folder, path = photos
    (folder / "x0-0.png").write_bytes(b"no picture")
    with pytest.raises(UsageProblem, match=r"x0-0\.png cannot be used"):
        calibrate_judge(BrightnessJudge(), read_photo_labels(path, folder), folder, Silence())
