"""A folder of the user's own pictures: planted biases are found in it, harm words are counted, bad rows are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawn_people import HEADER, draw_people
from report_source import make_finding

from audit.checkpoints import load_checkpoint
from audit.errors import UsageProblem
from audit.phantom.phantom_folder import read_phantom_world
from audit.pipeline import Silence
from audit.studies.own_images.group_measures import HARM_WORDS, Asked, measure_groups, wordings
from audit.studies.own_images.own_study import concepts_of, measure_own, write_own
from audit.studies.own_images.people_file import Sitter, read_people
from audit.suites import load_suite, shorten, suite_path

PLANTED = {one.word: one.man for one in read_phantom_world("skewed").professions}
CLEAR = [word for word, man in PLANTED.items() if abs(man - 0.5) >= 0.3]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What ``phantom:skewed`` makes of ten drawn women and ten drawn men of each clearly planted profession."""
    folder = tmp_path_factory.mktemp("own") / "people"
    path = draw_people(folder, read_phantom_world("skewed"), people=10, pictures=1, words=CLEAR)
    concepts = concepts_of(shorten(load_suite(suite_path("phantom/professions")), templates=3).prompts)
    sitters = read_people(path, folder, [asked.concept for asked in concepts])
    return measure_own(load_checkpoint("phantom:skewed"), sitters, folder, concepts, Silence())


def test_rankings_favour_the_planted_side(found):
    rankings = {one.concept: one for one in found.measures.rankings}
    assert rankings.keys() == PLANTED.keys()
    assert len(CLEAR) == 6
    for word in CLEAR:
        assert rankings[word].favoured == ("man" if PLANTED[word] > 0.5 else "woman"), word
        assert rankings[word].ndkl_p_adjusted < 0.05, word
        assert rankings[word].max_skew.value > 2 * rankings[word].max_skew.by_lot, word


def test_people_are_named_by_their_profession_whoever_they_are(found):
    naming = {one.group: one.rate for one in found.measures.naming}
    assert naming.keys() == {"woman", "man"}
    assert all(rate.value > 0.5 and rate.low <= rate.value <= rate.high for rate in naming.values())


def test_words_that_a_closed_vocabulary_lacks_are_not_measured_and_that_is_said(found):
    assert found.measures.harm == ()
    assert any("harm" in said for said in found.left_out)
    assert found.groups == {"man": 60, "woman": 60}


def test_what_is_written_holds_no_person_and_no_file(found, tmp_path):
    beside = make_finding("gender.lean", "nurse", -0.5, suite="phantom_professions")
    page = write_own(found, [beside], tmp_path / "out")
    told = json.loads((tmp_path / "out" / "own_images.json").read_text(encoding="utf-8"))
    assert len(told["measures"]["rankings"]) == 14
    text = page.read_text(encoding="utf-8")
    assert "Gender lean (inversion)" in text
    assert "nurse-woman-0" not in text + json.dumps(told)
    assert "nurse woman 0" not in text + json.dumps(told)
    assert (tmp_path / "out" / "own_images.pdf").read_bytes().startswith(b"%PDF")


def sitters_of(groups, people=8):
    return [
        Sitter(file=f"{group}{n}", person=f"{group} {n // 2}", group=group) for group in groups for n in range(people)
    ]


def test_harm_words_are_counted_by_group():
    """Made-up embeddings: half of the pictures of one group lie at a word of harm, none of the other."""
    known = ("person", "man", *HARM_WORDS)
    axes = {text: np.eye(16)[place] for place, word in enumerate(known) for text in wordings(word)}
    sitters = sitters_of(("first", "second"), people=16)
    at = [
        axes[wordings("thief" if one.group == "first" and number % 4 < 2 else "person")[0]]
        for number, one in enumerate(sitters)
    ]
    concept = Asked(suite="suite", concept="nurse", texts=wordings("person"))
    found = measure_groups(sitters, np.stack(at), [concept], lambda text: axes[text], known=known)
    rates = {one.group: one for one in found.harm}
    assert (rates["first"].rate.value, rates["second"].rate.value) == (0.5, 0.0)
    assert rates["first"].rate.n_clusters == 8
    assert rates["first"].gap.value == pytest.approx(0.5)
    assert rates["first"].gap.low <= 0.5 <= rates["first"].gap.high
    assert rates["first"].p_adjusted >= rates["first"].p_value
    assert found.naming == ()


ROWS = ("a.png,ann,x,", "b.png,bea,x,nurse", "c.png,cat,y,", "d.png,dot,y,")


@pytest.fixture
def people(tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(b"")

    def write(*rows, header=HEADER):
        path = tmp_path / "people.csv"
        path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
        return read_people(path, tmp_path, ["nurse"])

    return write


def test_every_row_says_whom_a_picture_shows(people):
    assert people(*ROWS)[1] == Sitter(file="b.png", person="bea", group="x", shows="nurse")
    plain = [row.rpartition(",")[0] for row in ROWS]
    assert len(people(*plain, header="file,person,group")) == 4


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("e.png,eve,x,", "line 6, column file: there is no 'e.png'"),
        ("../a.png,eve,x,", "line 6, column file: '../a.png' is no path within"),
        ("/etc/passwd,eve,x,", "line 6, column file"),
        ("a.png,eve,x,", "line 6, column file: repeats line 2"),
        ("a.png,,x,", "line 6, column person: nothing"),
        ("a.png,eve,,", "line 6, column group: nothing"),
        ("a.png, eve,x,", "line 6, column person"),
        ("a.png,eve,x,doctor", "line 6, column shows: 'doctor' is no concept"),
        ("a.png,cat,x,", "line 6, column group: the same person"),
        ("a.png,eve", "line 6, has 2 fields instead of 4"),
    ],
)
def test_a_wrong_row_is_named_with_line_and_column(people, row, said):
    with pytest.raises(UsageProblem) as caught:
        people(*ROWS, row)
    assert said in caught.value.what
    assert "people.csv" in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("rows", "said"),
    [(ROWS[:2], "all are in the group 'x'"), (ROWS[:3], "the group 'y' has one person"), ((), "no row")],
)
def test_groups_that_cannot_be_compared_are_refused(people, rows, said):
    with pytest.raises(UsageProblem, match=said):
        people(*rows)
