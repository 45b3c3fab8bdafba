"""Every shipped suite keeps the same laws; a new file is picked up without being listed here."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from audit.errors import UsageProblem
from audit.evidence import prompts_table
from audit.lenses import CONTROLS, LENSES, check_lens, controls_too_few
from audit.packaged import PROMPTS, WORLDS
from audit.phantom.captions import vocabulary
from audit.phantom.world import read_world
from audit.records import ASKS_GENDER, ASKS_NSFW, GRADE, INVERSIONS, SCALE_OF, Prompt, PromptSuite
from audit.suites import list_suites, load_suite, shorten, suite_path
from audit.suites.suite_tables import CONTROL_ROLES

CONTRASTS = (("original", "swapped"), ("figure", "invented"))
NOT_FOR_PROMPTS = {"nude", "naked", "sexy", "sexual", "erotic", "lingerie", "child", "boy", "girl", "teenager", "baby"}


def name_of(path: Path) -> str:
    return path.relative_to(PROMPTS).with_suffix("").as_posix()


@pytest.fixture(params=list_suites(), ids=name_of, scope="module")
def path(request) -> Path:
    return request.param


@pytest.fixture(scope="module")
def suite(path: Path) -> PromptSuite:
    return load_suite(path)


def test_its_name_is_its_place(path, suite):
    assert suite.name == name_of(path).replace("/", "_")
    assert suite_path(name_of(path)) == path


def test_it_states_purpose_source_and_licence(suite):
    assert min(len(suite.purpose), len(suite.source), len(suite.licence)) >= 10


def test_it_is_written_for_a_lens_that_there_is(path, suite):
    check_lens(suite, path)
    with pytest.raises(UsageProblem, match=r"line \d+: lens: found 'colour'\. Write one of: controls, gender, "):
        check_lens(replace(suite, lens="colour"), path)


def test_it_expands_to_the_same_prompts_every_time(path, suite):
    assert load_suite(path) == suite


def test_its_ids_are_unique_and_its_texts_are_not_empty(suite):
    assert suite.prompts
    assert len({prompt.prompt_id for prompt in suite.prompts}) == len(suite.prompts)
    assert all(len(prompt.prompt_id) == 16 and prompt.text for prompt in suite.prompts)


def test_its_controls_and_only_they_have_a_known_answer(suite):
    assert all(bool(prompt.expected) == (prompt.role in CONTROL_ROLES) for prompt in suite.prompts)


def test_both_arms_of_a_contrast_are_of_one_size_and_shape(suite):
    prompts = [prompt for prompt in suite.prompts if not is_floor(prompt)]
    groups = {prompt.group for prompt in prompts}
    shapes = {
        group: Counter(Counter(prompt.concept for prompt in prompts if prompt.group == group).values())
        for group in groups
    }
    for one, other in CONTRASTS:
        assert (one in groups) == (other in groups) or one == "figure"
        if one in groups and other in groups:
            assert shapes[one] == shapes[other]


def is_floor(prompt: Prompt) -> bool:
    return prompt.role == "explicit" and SCALE_OF in prompt.facts and GRADE not in prompt.facts


def test_explicit_prompts_say_each_gender_equally_often_in_every_concept(suite):
    answers = Counter(p.expected for p in suite.prompts if p.role == "explicit" and not is_floor(p))
    assert answers["man"] == answers["woman"]
    assert answers["clothed"] == answers["unclothed"]


def test_a_question_is_put_in_at_least_four_ways_and_the_first_ones_survive_shortening(suite):
    if suite.lens in LENSES and LENSES[suite.lens].card.own_design:
        assert all(float(prompt.facts[INVERSIONS]) >= 100 for prompt in suite.prompts)  # one wording, again and again
        return
    templates = defaultdict(set)
    for prompt in shorten(suite, templates=4).prompts:
        if prompt.role in {"subject", "reference"}:
            templates[prompt.role, prompt.group, prompt.concept].add(prompt.template)
    assert all(len(found) == 4 for found in templates.values())


def test_no_prompt_asks_for_what_the_lenses_look_for(suite):
    for prompt in suite.prompts:
        asked = NOT_FOR_PROMPTS & set(prompt.text.lower().split())
        if suite.lens == CONTROLS and prompt.expected == "unclothed":
            asked -= {"naked"}  # what a judge of it must be able to see
            assert suite.name.startswith(("phantom_", "photo_")) or "adult" in prompt.text.split()
        assert not asked, prompt.text


def test_suites_of_people_that_are_read_for_unsafe_content_say_each_of_them_in_clothes_too(suite):
    if suite.name not in {"professions", "public_figures", "phantom_professions", "phantom_names"}:
        return
    floors = {str(p.facts[SCALE_OF]) for p in suite.prompts if p.expected == "clothed"}
    assert floors == {p.prompt_id for p in suite.prompts if p.role == "subject"}


def test_the_controls_have_as_many_prompts_as_each_takes_to_pass(suite):
    if suite.lens == CONTROLS:
        assert controls_too_few(prompts_table(suite.prompts), {ASKS_GENDER, ASKS_NSFW}) == ()


def test_no_prompt_is_longer_than_a_sentence(suite):
    assert (
        max(len(text.split()) for prompt in suite.prompts for text in prompt.texts) <= 20
    )  # far below the 77 tokens of CLIP


def test_a_labour_share_carries_its_year_its_source_and_its_row(suite):
    for prompt in suite.prompts:
        if "women" in prompt.facts:
            assert 0 <= float(prompt.facts["women"]) <= 1
            assert {"year", "source", "bls_title"} <= set(prompt.facts)


def test_a_phantom_suite_uses_only_words_that_the_phantoms_know(path, suite):
    if path.parent.name == "phantom":
        known = set(vocabulary(read_world(WORLDS / suite.source.rpartition("/")[2])))  # the world that its source names
        texts = [text for prompt in suite.prompts if prompt.role != "noise" for text in prompt.texts]
        assert {word for text in texts for word in text.split()} <= known


def test_the_guide_to_writing_a_suite_names_every_suite_and_its_example_loads(tmp_path):
    guide = (PROMPTS / "README.md").read_text(encoding="utf-8")
    assert [name for name in map(name_of, list_suites()) if f"| `{name}` |" not in guide] == []
    example = tmp_path / "crafts.toml"
    example.write_text(guide.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert len(load_suite(example).prompts) == 37


def test_the_professions_cover_the_whole_range_of_shares():
    suite = load_suite(suite_path("professions"))
    shares = {p.concept: float(p.facts["women"]) for p in suite.prompts}
    assert len(shares) >= 60
    tenths = Counter(min(int(share * 10), 9) for share in shares.values())
    assert set(tenths) == set(range(10))
    assert all(len(found) >= 8 for found in _templates(suite, "subject").values())


def test_the_phantom_professions_and_names_are_those_of_the_world():
    world = read_world(WORLDS / "skewed.toml")
    professions = {p.concept for p in load_suite(suite_path("phantom/professions")).prompts}
    names = {p.concept for p in load_suite(suite_path("phantom/names")).prompts if p.role == "subject"}
    assert professions == {p.word for p in world.professions}
    assert names == {n.name for n in world.public_names}


def test_the_public_figures_are_balanced_and_matched_one_to_one():
    suite = load_suite(suite_path("public_figures"))
    facts = {group: {p.concept: p.facts for p in suite.prompts if p.group == group} for group in ("figure", "invented")}
    figures, invented = facts["figure"], facts["invented"]
    assert len(figures) >= 60
    for key in ("field", "region"):
        cells = Counter((fact[key], fact["gender"]) for fact in figures.values())
        assert len({value for value, _ in cells}) >= 6
        assert len(set(cells.values())) == 1
    assert sorted(str(fact["matched_to"]) for fact in invented.values()) == sorted(figures)
    for fact in invented.values():
        twin = figures[str(fact["matched_to"])]
        assert (fact["gender"], fact["region"]) == (twin["gender"], twin["region"])


def test_the_pairs_of_a_composition_hold_the_same_words():
    for name in ("compositional", "phantom/compositional"):
        words = defaultdict(dict)
        for prompt in load_suite(suite_path(name)).prompts:
            plain = sorted(word for word in prompt.text.split() if word not in {"a", "an"})
            words[prompt.concept, prompt.template.replace("swapped", "original")][prompt.group] = plain
        assert all(pair["original"] == pair["swapped"] for pair in words.values())
        assert len({concept for concept, _ in words}) >= 20


def _templates(suite: PromptSuite, role: str) -> dict[str, set[str]]:
    found = defaultdict(set)
    for prompt in suite.prompts:
        if prompt.role == role:
            found[prompt.concept].add(prompt.template)
    return found
