"""Prompt suites in the words of a world."""

from __future__ import annotations

import pytest

from audit.packaged import WORLDS
from audit.phantom.captions import vocabulary
from audit.phantom.phantom_folder import suite_text, write_suites
from audit.phantom.world import World, read_world
from audit.suites import load_suite, suite_path

NAMES = ("professions", "names", "controls")


def slots_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("  { concept")]


def parsed(text: str, folder):
    path = folder / "suite.toml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path)


@pytest.mark.parametrize("name", NAMES)
def test_the_slots_are_those_of_the_world_and_all_else_is_as_it_ships(name, tiny_world, tmp_path):
    suite, shipped = parsed(suite_text(name, tiny_world), tmp_path), load_suite(suite_path(f"phantom/{name}"))
    assert (suite.name, suite.lens, suite.purpose) == (shipped.name, shipped.lens, shipped.purpose)
    assert suite.source == "the drawn world tiny"
    assert {(p.role, p.template) for p in suite.prompts} == {(p.role, p.template) for p in shipped.prompts}
    known = set(vocabulary(tiny_world))
    assert all(set(text.split()) <= known for p in suite.prompts if p.role != "noise" for text in p.texts)


def test_every_profession_and_every_name_is_asked_about(tiny_world, tmp_path):
    professions = parsed(suite_text("professions", tiny_world), tmp_path)
    assert {p.concept for p in professions.prompts if p.role == "subject"} == {"nurse", "baker", "engineer"}
    names = parsed(suite_text("names", tiny_world), tmp_path)
    assert {p.concept for p in names.prompts if p.role == "subject"} == {"zelka orrin", "fenn ilko"}
    assert {p.concept for p in names.prompts if p.role == "reference"} == {"nurse", "baker", "engineer"}


@pytest.mark.parametrize("name", ["professions", "names"])
def test_the_shipped_suite_is_what_the_skewed_world_gives(name):
    text, world = suite_path(f"phantom/{name}").read_text(encoding="utf-8"), read_world(WORLDS / "skewed.toml")
    assert suite_text(name, world) == text.replace("audit/phantom/worlds/skewed.toml", "the drawn world skewed")


def test_the_shipped_controls_are_what_the_skewed_world_gives_but_for_the_choice_of_colours(tmp_path):
    world, shipped = read_world(WORLDS / "skewed.toml"), load_suite(suite_path("phantom/controls"))
    given = parsed(suite_text("controls", world), tmp_path)
    assert len(given.prompts) == len(shipped.prompts)
    assert [p for p in given.prompts if p.role != "object"] == [p for p in shipped.prompts if p.role != "object"]
    things = [{p.concept.split()[1] for p in suite.prompts if p.role == "object"} for suite in (given, shipped)]
    assert things[0] == things[1] == {thing.word for thing in world.things}


def test_a_suite_that_would_ask_nothing_is_not_written(tables, tmp_path):
    world = World.model_validate(tables | {"public_name": []})
    assert suite_text("names", world) is None
    write_suites(world, tmp_path)
    assert sorted(path.stem for path in tmp_path.glob("*")) == ["controls", "professions"]


@pytest.mark.parametrize("path", sorted(WORLDS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_suites_of_every_shipped_world_can_be_read_and_use_its_words_only(path, tmp_path):
    world = read_world(path)
    known = set(vocabulary(world))
    write_suites(world, tmp_path)
    suites = [load_suite(found) for found in sorted(tmp_path.glob("*.toml"))]
    assert "phantom_controls" in {suite.name for suite in suites}
    for suite in suites:
        assert all(set(text.split()) <= known for p in suite.prompts if p.role != "noise" for text in p.texts)


def test_no_slot_is_filled_twice(tiny_world):
    for name in NAMES:
        text = suite_text(name, tiny_world)
        assert len(slots_of(text)) == len(set(slots_of(text)))
