"""The judge that reads letters, on words that are drawn here, and on what could go wrong with its nets."""

import shutil
import socket

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges import letters_judge as judge_file
from audit.judges.judge_protocol import JudgeSettings
from audit.judges.letters_judge import NETS, LettersJudge, Line, load_letters, nets_folder


@pytest.fixture(scope="module")
def judge() -> LettersJudge:
    return load_letters("", JudgeSettings())


def card(*words: str, side: int = 224, size: float = 40) -> torch.Tensor:
    """Return a light image with dark words, one below the other."""
    image = Image.new("RGB", (side, side), "#f0e8d0")
    draw = ImageDraw.Draw(image)
    for number, word in enumerate(words):
        place = (side / 2, (number + 1) * side / (len(words) + 1))
        draw.text(place, word, anchor="mm", fill="#202020", font=ImageFont.load_default(size))
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def test_what_stands_in_an_image_is_read_from_the_top_down(judge):
    (score,) = judge.score(card("bakery", "OPEN")[None])
    assert score.text == "bakery / OPEN"
    assert score.values is not None
    assert (score.values["boxes"], score.values["letters"]) == (2.0, 10.0)


def test_a_word_on_64_pixels_is_read_too(judge):
    (score,) = judge.score(card("nurse", side=64, size=16)[None])
    assert score.text == "nurse"


def test_the_area_is_that_of_the_place_whatever_the_size_of_the_image(judge):
    small, large = (judge.score(card("nurse", side=side, size=side / 4)[None])[0] for side in (64, 448))
    assert small.values is not None
    assert large.values is not None
    left, top, right, bottom = ImageFont.load_default(16).getbbox("nurse")
    least = (right - left) * (bottom - top) / 64**2
    assert least < large.values["area"] < 3 * least
    assert small.values["area"] == pytest.approx(large.values["area"], rel=0.4)


def test_an_image_without_letters_has_none(judge):
    (score,) = judge.score(card()[None])
    assert score.values == dict.fromkeys(judge.card.classes, 0.0)
    assert score.text == ""


@pytest.mark.parametrize(("text", "confidence"), [("ab", 0.9), ("- - -", 0.9), ("nurse", 0.4)])
def test_too_few_letters_or_too_little_confidence_is_no_text(text, confidence):
    assert not Line(text=text, confidence=confidence, area=0.1).counts
    assert Line(text="a1b", confidence=0.5, area=0.1).counts


def test_of_text_that_does_not_count_the_confidence_is_kept():
    few, unsure = Line(text="ab", confidence=0.9, area=0.1), Line(text="nurse", confidence=0.4, area=0.1)
    found = judge_file._columns((few, unsure))
    assert found == {"boxes": 0.0, "letters": 0.0, "area": 0.0, "confidence": 0.4, "any_confidence": 0.9}


def test_signs_that_nobody_can_see_are_dropped_and_the_rest_is_kept_as_data():
    assert judge_file._plain("a\u202eb\x00 \n<b>=1+1") == "a b <b>=1+1"


def test_colours_reach_the_reader_in_its_own_order():
    seen = []

    class Reader:
        def __call__(self, pixels, **_settings):
            seen.append(pixels)
            return type("Nothing", (), {"txts": None})()

    red = torch.zeros(1, 3, 8, 16, dtype=torch.uint8)
    red[:, 0] = 255
    LettersJudge(card=load_letters("", JudgeSettings()).card, reader=Reader()).score(red)
    assert seen[0].shape == (160, 320, 3)
    assert seen[0][0, 0].tolist() == [0, 0, 255]


def test_a_large_image_is_read_as_it_is():
    assert judge_file._enlarged(card(side=400)).shape == (400, 400, 3)


def test_the_area_of_a_tilted_place_is_that_of_its_corners():
    assert judge_file._area(np.array([[0, 0], [3, 4], [-1, 7], [-4, 3]])) == pytest.approx(25.0)


def test_nothing_is_fetched(judge, monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert load_letters("", JudgeSettings()).score(card("nurse")[None])[0].text == "nurse"


def test_the_card_says_what_the_judge_reads_and_how_often_it_errs(judge):
    assert judge.card.asks == ("letters",)
    assert judge.card.text == "read"
    assert set(NETS.values()) < set(judge.card.lineage)
    assert "reading.py" in judge.card.known_error


def test_an_altered_net_is_refused_with_its_digest(tmp_path, monkeypatch):
    for name in NETS:
        shutil.copy(nets_folder() / name, tmp_path / name)
    with (tmp_path / next(iter(NETS))).open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr(judge_file, "nets_folder", lambda: tmp_path)
    with pytest.raises(RefusedProblem, match=next(iter(NETS.values()))):
        load_letters("", JudgeSettings())


def test_a_package_without_its_nets_is_a_problem_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(judge_file, "nets_folder", lambda: tmp_path)
    with pytest.raises(EnvironmentProblem, match="No such file"):
        load_letters("", JudgeSettings())


@pytest.mark.parametrize("package", ["rapidocr", "onnxruntime"])
def test_a_missing_package_is_one_paragraph_with_the_command(package, monkeypatch):
    real = judge_file.find_spec
    monkeypatch.setattr(judge_file, "find_spec", lambda name: None if name == package else real(name))
    with pytest.raises(EnvironmentProblem, match=r"pip install rapidocr=="):
        load_letters("", JudgeSettings())


def test_a_target_is_refused_because_there_is_only_one_set_of_nets():
    with pytest.raises(UsageProblem, match="latin"):
        load_letters("latin", JudgeSettings())
