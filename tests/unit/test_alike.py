"""What looks the same is the same; what a script of its own writes stays."""

from __future__ import annotations

import pytest

from audit.alike import is_drawn, visible


@pytest.mark.parametrize(
    "other",
    [
        "nur\u200bse",
        "nurse\ufeff",
        "\u2060nurse",
        "nur\u00adse",
        "n\u034furse",
        "nurse\ufe0f",
        "\uff4eurse",
        "nur\u0455e",
        "  nurse ",
    ],
)
def test_what_looks_the_same_has_one_form(other):
    assert visible(other) == "nurse"


@pytest.mark.parametrize("text", ["медсестра", "νοσοκόμα", "看護師", "ممرضة", "नर्स", "Zoë"])
def test_a_text_in_a_script_of_its_own_stays(text):
    assert visible(text) == text


def test_a_word_written_in_another_script_is_not_the_latin_one_unless_it_looks_so():
    assert visible("\u0441\u043e\u0441\u043e") == visible("coco")
    assert visible("медсестра") != visible("nurse")


@pytest.mark.parametrize("text", ["\u200b", "\u3164", "\u2060\u200d", "\u115f", "\u2800", " \ufeff "])
def test_what_nobody_sees_is_empty(text):
    assert visible(text) == ""
    assert not any(is_drawn(sign) for sign in text.strip())
