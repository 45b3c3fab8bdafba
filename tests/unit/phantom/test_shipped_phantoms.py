"""The shipped phantoms belong to the worlds that ship."""

from __future__ import annotations

import json

import pytest

from audit.packaged import PHANTOMS, WORLDS
from audit.phantom.phantom_folder import read_phantom_world, suite_text
from audit.phantom.world import read_world

SHIPPED = sorted(path.parent for path in PHANTOMS.glob("*/world.json"))


@pytest.fixture(params=SHIPPED, ids=lambda folder: folder.name)
def folder(request):
    return request.param


def test_it_was_trained_on_the_world_of_its_name(folder):
    assert read_phantom_world(str(folder)) == read_world(WORLDS / f"{folder.name}.toml")


def test_its_lineage_names_its_world(folder):
    world = read_phantom_world(str(folder))
    lineage = json.loads((folder / "clip_audit.json").read_text(encoding="utf-8"))["lineage"]
    assert f"phantom world {world.name} {world.digest[:16]}" in lineage


def test_its_suites_are_those_of_its_world(folder):
    world = read_phantom_world(str(folder))
    written = {path.stem: path.read_text(encoding="utf-8") for path in (folder / "suites").glob("*.toml")}
    expected = {name: suite_text(name, world) for name in ("professions", "names", "controls")}
    assert written == {name: text for name, text in expected.items() if text is not None}


def test_it_takes_a_few_megabytes_and_everybody_may_read_it(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6_000_000
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in files)
