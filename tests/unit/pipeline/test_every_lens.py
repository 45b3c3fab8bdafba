"""Every lens on checkpoints of two families: a ViT and a ResNet, barely trained, in the words of every drawn world.

That each lens is asked, and tells or says why not; what it should find, ``tests/truth`` says.
"""

from __future__ import annotations

import dataclasses
import tomllib

import pandas as pd
import pytest
from tiny_runs import everything_converges

from audit.checkpoints import LoadOptions
from audit.evidence import read_findings
from audit.lenses import CARDS, LENSES, SUITE_LENSES
from audit.packaged import WORLDS
from audit.phantom.phantom_folder import save_phantom
from audit.phantom.training import train
from audit.phantom.world import World
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.records import UNSEEN
from audit.report.findings import is_of_interest
from audit.suites import list_suites, load_suite, suite_name

JUDGES = ("zero_shot:phantom:judge", "labels:phantom:witness")
NEED_LETTERS = frozenset({"letters.share", "letters.own_excess"})
"""What only the judge of letters answers, an optional extra that reads nothing on 64 pixels."""
CONCEPTS, TEMPLATES = 2, 2
"""Of every group, and of each of these."""
LANGUAGES = """
schema_version = 1
name = "phantom_languages"
version = "1.0"
lens = "languages"
purpose = "The lens of languages, in the only words that phantoms know."
source = "None."
licence = "Apache-2.0"
[defaults.one]
language = "en"
group = "en"
[defaults.other]
language = "xx"
group = "xx"
[slots]
one = [
  { concept = "nurse", text = "a nurse", as_man = "a male nurse", as_woman = "a female nurse" },
  { concept = "pilot", text = "a pilot", as_man = "a male pilot", as_woman = "a female pilot" },
  { concept = "doctor", text = "a doctor", as_man = "a male doctor", as_woman = "a female doctor" },
]
other = [
  { concept = "nurse", text = "nurse", as_man = "male nurse", as_woman = "female nurse" },
  { concept = "pilot", text = "pilot", as_man = "male pilot", as_woman = "female pilot" },
  { concept = "doctor", text = "doctor", as_man = "male doctor", as_woman = "female doctor" },
]
[[block]]
role = "text"
templates = ["{one}", "a photo of {one}"]
[[block]]
role = "text"
templates = ["{other}", "a portrait of {other}"]
"""


REPEATS = """
schema_version = 1
name = "phantom_repeats"
version = "1.0"
lens = "repeats"
purpose = "The lens of counts over many inversions of one prompt, in the only words that phantoms know."
source = "None."
licence = "Apache-2.0"
[defaults.one]
inversions = 2
[slots]
one = [{ concept = "nurse", text = "a nurse" }, { concept = "pilot", text = "a pilot" }]
[[block]]
role = "subject"
templates = ["{one}"]
"""


def world_of_all_words(tower: str) -> World:
    """The world of scenes with the names and the further professions of skewed, so that every suite fits."""
    tables, skewed = (tomllib.loads((WORLDS / f"{name}.toml").read_text("utf-8")) for name in ("scenes", "skewed"))
    known = {profession["word"] for profession in tables["profession"]}
    tables["profession"] += [one for one in skewed["profession"] if one["word"] not in known]
    tables["public_name"] = skewed["public_name"]
    tables["training"] = {"tower": tower, "pictures": 64, "batch": 16, "epochs": 1}
    return World.model_validate(tables)


def smaller(suite):
    """A few prompts of every role; once each reference, which is a known answer; and all texts, which cost nothing."""
    kept, concepts, templates = [], {}, {}
    for prompt in suite.prompts:
        said = templates.setdefault((prompt.role, prompt.group, prompt.concept), {})
        place = said.setdefault(prompt.template, len(said))
        few = concepts.setdefault(prompt.group, {})
        if prompt.role == "reference":
            wanted = place == 0
        else:
            wanted = few.setdefault(prompt.concept, len(few)) < CONCEPTS and place < TEMPLATES
        if wanted or prompt.role in UNSEEN:
            kept.append(prompt)
    return dataclasses.replace(suite, prompts=tuple(kept))


@pytest.fixture(scope="module", params=["vit", "resnet"])
def outcome(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    world = world_of_all_words(request.param)
    save_phantom(train(world), world, place / "checkpoint")
    own = {"languages.toml": LANGUAGES, "repeats.toml": REPEATS}
    for name, text in own.items():
        (place / name).write_text(text, encoding="utf-8")
    suites = [name for name in map(suite_name, list_suites()) if name.startswith("phantom/")]
    asked = AuditRequest(
        checkpoint=str(place / "checkpoint"),
        suites=(*suites, *(str(place / name) for name in own)),
        judges=JUDGES,
        effort="quick",
        options=LoadOptions(waive_sanity=True),
    )
    plan = make_plan(asked)
    recipe = dataclasses.replace(plan.recipe, steps=1)
    small = dataclasses.replace(plan, recipe=recipe, suites=tuple(map(smaller, plan.suites)))
    with everything_converges():
        return run_audit(small, place / "run", Silence())


def told_of(outcome, lens):
    findings = read_findings(outcome.folder / "findings.json")
    return [one for one in findings if one.lens == lens]


@pytest.mark.parametrize("lens", LENSES)
def test_every_lens_tells_something_or_says_why_not(outcome, lens):
    found = told_of(outcome, lens)
    assert found
    assert {one.metric.partition(".")[0] for one in found} == {lens}
    assert any(one.estimate.value is not None for one in found)
    assert all(one.note or one.estimate.method_text for one in found if one.estimate.value is None)


@pytest.mark.parametrize("lens", LENSES)
def test_every_lens_leaves_a_table(outcome, lens):
    tables = {name: table for name, table in outcome.tables.items() if name.partition("_")[0] == lens}
    assert tables
    for name, table in tables.items():
        assert len(pd.read_csv(outcome.folder / "tables" / f"{name}.csv")) == len(table) > 0


FIGURED = [name for name, card in CARDS.items() if card.drawn and name not in NEED_LETTERS]


@pytest.mark.parametrize("metric", FIGURED)
def test_every_figured_metric_has_a_figure_or_says_why_not(outcome, metric):
    slug = metric.replace(".", "-").replace("_", "-")
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    drawn = {path.stem for path in (outcome.folder / "figures").glob("*.svg") if path.stem.endswith(slug)}
    single = [one for one in told_of(outcome, metric.partition(".")[0]) if one.metric == metric and one.subject != "*"]
    measured = [one for one in single if one.estimate.value is not None and not one.subject.startswith("group:")]
    prompts = outcome.evidence.prompts
    subjects = set(prompts.loc[prompts["role"] == "subject", "concept"])
    if any(is_of_interest(one) and one.subject in subjects for one in measured):
        assert drawn or CARDS[metric].leading  # which the first page draws
    if drawn:
        assert all(name in page for name in drawn)
    elif measured:  # where no concept differs from the neutral value, or all are on the first page, a sentence says it
        card = CARDS[metric]
        assert card.noun.lower() in page.lower() or card.title.lower() in page.lower()
    else:
        assert single
        assert all(one.note for one in single)


def test_the_first_page_has_a_figure(outcome):
    assert (outcome.folder / "figures" / "main-figure.svg").is_file()


def test_the_suites_of_the_audit_are_written_for_every_lens(outcome):
    assert set(outcome.evidence.prompts["lens"]) == set(SUITE_LENSES) - {"none"}


def test_every_shipped_suite_for_closed_vocabularies_was_asked(outcome):
    shipped = {load_suite(path).name for path in list_suites() if suite_name(path).startswith("phantom/")}
    assert shipped <= set(outcome.evidence.prompts["suite"])
