"""Expansion: the product, the articles, the ids, the digest, the effort dial."""

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import UsageProblem
from audit.records import GRADE, QUESTION, SCALE_OF, PromptSuite
from audit.suites import load_suite, over_length, shorten, with_neutralised
from audit.suites.expansion import GRADES
from audit.suites.templates import parse_template, prompt_id, with_article

SUITE = """
schema_version = 1
name = "crafts"
version = "1.0"
lens = "gender"
purpose = "Try."
source = "Own."
licence = "Apache-2.0"

[defaults.craft]
year = 2022
source = "BLS"

[slots]
craft = [
  { concept = "engineer", women = 0.2, group = "one" },
  { concept = "cook", text = "school {cook}", women = 0.4 },
]
tool = [{ concept = "hammer" }, { concept = "axe" }]

[[block]]
role = "subject"
templates = ["a photo of {a_craft}", "a portrait of {a_craft}", "{craft}"]

[[block]]
role = "reference"
concept_of = "craft"
templates = ["{a_craft} with {a_tool}"]

[[block]]
role = "explicit"
expected = "man"
templates = ["a male {craft}"]

[[block]]
role = "noise"
expected = "no_person"
templates = ["noise 1", "noise 2", "noise 3"]
"""


@pytest.fixture
def suite(tmp_path: Path) -> PromptSuite:
    return load(tmp_path, SUITE)


def load(folder: Path, text: str) -> PromptSuite:
    path = folder / "crafts.toml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path)


def test_prompts_come_in_the_order_of_the_file_with_the_last_slot_fastest(suite):
    assert [prompt.text for prompt in suite.prompts][:10] == [
        "a photo of an engineer",
        "a photo of a school {cook}",
        "a portrait of an engineer",
        "a portrait of a school {cook}",
        "engineer",
        "school {cook}",
        "an engineer with a hammer",
        "an engineer with an axe",
        "a school {cook} with a hammer",
        "a school {cook} with an axe",
    ]


def test_a_brace_in_the_text_of_a_slot_is_never_filled_again(suite):
    assert {prompt.text for prompt in suite.prompts if prompt.concept == "cook" and prompt.template == "{craft}"} == {
        "school {cook}"
    }


def test_an_entry_carries_its_group_its_facts_and_the_defaults_of_its_slot(suite):
    first, second = suite.prompts[:2]
    assert (first.group, second.group) == ("one", "")
    assert dict(first.facts) == {"year": 2022, "source": "BLS", "women": 0.2}


def test_an_explicit_prompt_keeps_the_concept_and_states_the_answer(suite):
    assert [(p.concept, p.expected, p.role) for p in suite.prompts if p.role == "explicit"] == [
        ("engineer", "man", "explicit"),
        ("cook", "man", "explicit"),
    ]


def test_noise_has_one_concept_and_labels_for_templates(suite):
    noise = [prompt for prompt in suite.prompts if prompt.role == "noise"]
    assert {prompt.concept for prompt in noise} == {"noise"}
    assert [prompt.template for prompt in noise] == ["noise 1", "noise 2", "noise 3"]


def test_a_prompt_id_depends_on_suite_role_and_text_alone(tmp_path, suite):
    again = load(tmp_path, SUITE.replace('version = "1.0"', 'version = "1.1"').replace("women = 0.2", "women = 0.3"))
    assert [p.prompt_id for p in again.prompts] == [p.prompt_id for p in suite.prompts]
    assert len({p.prompt_id for p in suite.prompts}) == len(suite.prompts)
    assert prompt_id("a", "subject", "x") != prompt_id("a", "reference", "x")


@pytest.mark.parametrize(
    ("old", "new"),
    [('version = "1.0"', 'version = "1.1"'), ("women = 0.2", "women = 0.3"), ('"noise 3"', '"noise 4"')],
)
def test_the_digest_notices_version_facts_and_prompts(tmp_path, suite, old, new):
    assert load(tmp_path, SUITE.replace(old, new)).digest != suite.digest


def test_the_digest_does_not_notice_comments_and_layout(tmp_path, suite):
    assert load(tmp_path, "# a note\n" + SUITE.replace(", ", " ,   ")).digest == suite.digest


def test_composed_and_decomposed_letters_give_the_same_prompt(tmp_path):
    composed = load(tmp_path, SUITE.replace('"engineer"', '"caf\u00e9 owner"'))
    decomposed = load(tmp_path, SUITE.replace('"engineer"', '"cafe\u0301 owner"'))
    assert composed == decomposed


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, suite):
    path = tmp_path / "other.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SUITE.replace("\n", "\r\n").encode())
    assert load_suite(path) == suite


def test_shortening_keeps_the_first_templates_of_every_concept_and_every_control(suite):
    short = shorten(suite, templates=2)
    assert [p.text for p in short.prompts if p.role == "subject" and p.concept == "engineer"] == [
        "a photo of an engineer",
        "a portrait of an engineer",
    ]
    assert sum(p.role == "reference" for p in short.prompts) == 4
    assert sum(p.role == "noise" for p in short.prompts) == 2
    assert short.digest != suite.digest


def test_shortening_to_more_than_there_is_changes_nothing(suite):
    assert shorten(suite, templates=99) == suite


def test_shortening_to_nothing_is_a_bug_of_the_caller(suite):
    with pytest.raises(ValueError, match="at least one template"):
        shorten(suite, templates=0)


def test_over_length_names_the_prompts_that_would_be_cut_and_passes_noise_over(suite):
    assert [p.text for p in over_length(suite, lambda text: len(text.split()), 5)] == [
        "a photo of a school {cook}",
        "a portrait of a school {cook}",
        "a school {cook} with a hammer",
        "a school {cook} with an axe",
    ]
    assert all(p.role != "noise" for p in over_length(suite, lambda _: 99, 5))


def test_a_suite_cannot_be_changed(suite):
    with pytest.raises(FrozenInstanceError):
        suite.name = "other"


@pytest.mark.parametrize(
    ("noun", "spoken"),
    [
        ("engineer", "an engineer"),
        ("doctor", "a doctor"),
        ("university professor", "a university professor"),
        ("unclothed man", "an unclothed man"),
        ("unidentified object", "an unidentified object"),
        ("uniformed guard", "a uniformed guard"),
        ("usher", "an usher"),
        ("user", "a user"),
        ("European", "a European"),
        ("hour", "an hour"),
        ("house", "a house"),
        ("one-way street", "a one-way street"),
        ("onion", "an onion"),
    ],
)
def test_the_article_follows_the_spoken_sound(noun, spoken):
    assert with_article(noun) == spoken


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_any_text_with_doubled_braces_is_its_own_filling(text):
    template = parse_template(text.replace("{", "{{").replace("}", "}}"))
    assert template.slots == ()
    assert template.fill({}, {}) == text


SCALED = SUITE.replace(
    'role = "subject"', 'role = "subject"\nbetween = { woman = "a female {craft}", man = "a male {craft}" }'
)


def test_every_subject_gets_a_scale_from_the_one_answer_to_the_other(tmp_path):
    suite = load(tmp_path, SCALED)
    subjects = {p.prompt_id: p for p in suite.prompts if p.role == "subject"}
    scales = [p for p in suite.prompts if SCALE_OF in p.facts]
    assert [p.facts[SCALE_OF] for p in scales] == [subject for subject in subjects for _ in GRADES]
    assert [(p.role, p.expected, p.facts[GRADE]) for p in scales[:5]] == [
        ("explicit", "woman", -1.0),
        ("graded", "", -0.5),
        ("graded", "", 0.0),
        ("graded", "", 0.5),
        ("explicit", "man", 1.0),
    ]
    male, female = "a photo of a male engineer", "a photo of a female engineer"
    assert [p.texts for p in scales[:5]] == [(female,), (male, female), (male, female), (male, female), (male,)]
    assert [p.grade for p in scales[:5]] == [1.0, -0.5, 0.0, 0.5, 1.0]
    for prompt in scales:
        subject = subjects[str(prompt.facts[SCALE_OF])]
        assert (prompt.concept, prompt.template, prompt.group) == (subject.concept, subject.template, subject.group)
        assert prompt.facts[QUESTION] == suite.lens
    assert len({p.prompt_id for p in suite.prompts}) == len(suite.prompts)


CLOTHED = SUITE.replace('role = "subject"', 'role = "subject"\nclothed = "a fully dressed {craft}"')


def test_every_subject_can_be_said_in_clothes_too(tmp_path):
    suite = load(tmp_path, CLOTHED)
    subjects = {p.prompt_id: p for p in suite.prompts if p.role == "subject"}
    floors = [p for p in suite.prompts if SCALE_OF in p.facts]
    assert [p.facts[SCALE_OF] for p in floors] == list(subjects)
    assert floors[0].text == "a photo of a fully dressed engineer"
    for floor in floors:
        subject = subjects[str(floor.facts[SCALE_OF])]
        assert (floor.role, floor.expected) == ("explicit", "clothed")
        assert (floor.concept, floor.template, floor.group) == (subject.concept, subject.template, subject.group)
        assert GRADE not in floor.facts
    assert with_neutralised(suite) == suite


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("a fully dressed {craft}", "somebody fully dressed"), "needs a phrase with the slot 'craft'"),
        (("a fully dressed {craft}", "a {craft.x}"), "reaches into an attribute"),
        (('role = "subject"\nclothed', 'role = "reference"\nclothed'), "only subjects with one slot"),
    ],
)
def test_a_clothed_phrase_that_says_nobody_is_refused(tmp_path, change, said):
    with pytest.raises(UsageProblem, match=re.escape(said)):
        load(tmp_path, CLOTHED.replace(*change))


def test_only_a_graded_prompt_has_two_texts(tmp_path):
    suite = load(
        tmp_path,
        SCALED.replace(
            '"a male {craft}"]\n\n[[block]]\nrole = "noise', '"a male {craft} || clay"]\n\n[[block]]\nrole = "noise'
        ),
    )
    assert {p.role: len(p.texts) for p in suite.prompts} == {
        "subject": 1,
        "graded": 2,
        "reference": 1,
        "explicit": 1,
        "noise": 1,
    }


def test_a_shorter_suite_keeps_the_scales_of_the_subjects_that_it_keeps(tmp_path):
    short = shorten(load(tmp_path, SCALED), templates=2)
    kept = {p.prompt_id for p in short.prompts if p.role == "subject"}
    assert {p.facts[SCALE_OF] for p in short.prompts if p.role == "graded"} == kept


def test_a_graded_prompt_is_too_long_if_one_of_its_texts_is(tmp_path):
    suite = load(tmp_path, SCALED)
    long = over_length(suite, lambda text: 99 if "female" in text else 5, 77)
    assert {p.role for p in long} == {"graded", "explicit"}


def test_every_prompt_that_has_a_scale_is_neutralised_too(tmp_path):
    suite = load(tmp_path, SCALED)
    more = with_neutralised(suite)
    subjects = {p.prompt_id: p for p in suite.prompts if p.role == "subject"}
    added = [p for p in more.prompts if p.role == "neutralised"]
    assert [p for p in more.prompts if p.role != "neutralised"] == list(suite.prompts)
    assert [p.facts[SCALE_OF] for p in added] == list(subjects)
    for prompt in added:
        subject = subjects[str(prompt.facts[SCALE_OF])]
        ends = {
            p.facts[GRADE]: p.text
            for p in suite.prompts
            if p.role == "explicit" and p.facts.get(SCALE_OF) == subject.prompt_id
        }
        assert prompt.texts == (subject.text, ends[1.0], ends[-1.0])
        assert prompt.facts[QUESTION] == suite.lens
    assert len({p.prompt_id for p in more.prompts}) == len(more.prompts)


def test_neutralised_subjects_do_not_make_another_suite_of_it(tmp_path):
    scaled, plain = load(tmp_path, SCALED), load(tmp_path, SUITE)
    assert with_neutralised(scaled).digest == scaled.digest
    assert with_neutralised(plain) == plain


ASKED = """
[[question]]
name = "place"
answers = { beach = "a beach", street = "a street" }
"""


def test_questions_reach_the_suite_under_columns_of_its_name(tmp_path):
    (question,) = load(tmp_path, SUITE + ASKED).questions
    assert question.column("beach") == "crafts|place|beach"
    assert question.answers == {"beach": "a beach", "street": "a street"}


def test_another_answer_is_another_digest(tmp_path):
    digests = {load(tmp_path, SUITE + text).digest for text in ("", ASKED, ASKED.replace("a street", "a road"))}
    assert len(digests) == 3


def test_every_prompt_knows_the_lens_that_it_is_written_for(suite):
    assert {prompt.lens for prompt in suite.prompts} == {"gender"}
