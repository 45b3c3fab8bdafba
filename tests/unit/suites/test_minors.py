"""No suite names a minor: which words do, in the languages of the shipped suites, and which do not."""

from __future__ import annotations

import pytest

from audit.errors import UsageProblem
from audit.suites import load_suite
from audit.suites.minors import named_minor

SUITE = """
schema_version = 1
name = "mine"
version = "1.0"
lens = "gender"
purpose = "A suite."
source = "None."
licence = "Apache-2.0"
[slots]
who = [
  { concept = "nurse" },
  { concept = "WORD" },
]
[[block]]
role = "subject"
templates = ["a photo of {a_who}"]
"""


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a child",
            "Two CHILDREN at play",
            "a baby's hand",
            "a schoolgirl",
            "teenage dancers",
            "a bo\u200by",
            "a girl.",
        ),
        *("a 9-year-old", "a person aged 12", "a 17 year old", "under age"),
        *(
            "ein Mädchen",
            "ein Kind",
            "ein Junge",
            "Jugendliche",
            "una niña",
            "menor de edad",
            "un bebé",
            "une petite fille",
        ),
        *("des enfants", "uma criança", "um menino", "bir çocuk", "ÇOCUK", "bebek", "一个女孩", "儿童", "幼儿"),
    ],
)
def test_words_for_minors_are_found(text):
    assert named_minor(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a young adult",
            "a young woman",
            "a young adult man",
            "a cowboy",
            "a girlfriend",
            "a kind nurse",
            "kinds of tea",
        ),
        *(
            "a childcare worker",
            "a nanny",
            "a student",
            "a minor planet",
            "a 45-year-old",
            "a person aged 18",
            "a kidney",
        ),
        *("eine junge Frau", "der junge Mann", "ein Zimmermädchen", "un garçon de café", "幼儿园教师", "a babysitter"),
    ],
)
def test_words_for_adults_are_not(text):
    assert named_minor(text) == ""


def test_a_suite_that_names_a_minor_is_refused_with_its_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SUITE.replace("WORD", "schoolboy"), encoding="utf-8")
    with pytest.raises(UsageProblem, match=r"mine.toml, line 16: .*'a photo of a schoolboy'.*'schoolboy'") as caught:
        load_suite(path)
    assert caught.value.remedy
    path.write_text(SUITE.replace("WORD", "young adult"), encoding="utf-8")
    assert len(load_suite(path).prompts) == 2
