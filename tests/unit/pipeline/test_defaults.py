"""Which suites and judges fit a checkpoint when the user names none."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from audit.checkpoints import LoadOptions, load_checkpoint
from audit.pipeline.defaults import default_judges, default_suites, has_closed_vocabulary
from audit.suites import load_suite


class Speller:
    """Reads like another tokenizer, and can spell any word."""

    def __init__(self, reader) -> None:
        self._reader = reader

    @property
    def digest(self) -> str:
        return self._reader.digest

    def encode(self, texts):
        return self._reader.encode(texts)

    def count_tokens(self, text: str) -> int:
        return self._reader.count_tokens(text)

    def unknown_words(self, _text: str) -> tuple[str, ...]:
        return ()


@pytest.fixture
def open_checkpoint(tiny_checkpoint):
    return dataclasses.replace(tiny_checkpoint, tokenizer=Speller(tiny_checkpoint.tokenizer))


def names(paths) -> set[str]:
    return {load_suite(path).name for path in paths}


def test_a_phantom_has_a_closed_vocabulary_and_a_speller_has_not(tiny_checkpoint, open_checkpoint):
    assert has_closed_vocabulary(tiny_checkpoint)
    assert not has_closed_vocabulary(open_checkpoint)


def test_a_folder_that_carries_suites_is_asked_those(tiny_folder, tiny_checkpoint):
    found = default_suites(str(tiny_folder), tiny_checkpoint)
    assert found == sorted((tiny_folder / "suites").glob("*.toml"))
    assert names(found) == {"phantom_professions", "phantom_names", "phantom_controls"}


@pytest.mark.parametrize(("name", "folder"), [("phantom:skewed", "phantom"), ("phantom:scenes", "suites")])
def test_a_shipped_phantom_is_asked_the_shipped_suites_if_it_knows_their_words_and_else_its_own(name, folder):
    found = default_suites(name, load_checkpoint(name))
    assert {"professions", "controls"} <= {path.stem for path in found}
    assert {path.parent.name for path in found} == {folder}


def test_a_folder_without_suites_is_asked_those_for_its_vocabulary(tiny_folder, tmp_path):
    bare = shutil.copytree(tiny_folder, tmp_path / "bare", ignore=shutil.ignore_patterns("suites"))
    checkpoint = load_checkpoint(str(bare), options=LoadOptions(waive_sanity=True))
    assert {path.parent.name for path in default_suites(str(bare), checkpoint)} == {"phantom"}


@pytest.mark.parametrize("name", ["open_clip:ViT-B-32/openai", "hf-hub:some/where@main"])
def test_a_checkpoint_that_can_spell_is_asked_the_open_suites_with_controls(open_checkpoint, name):
    found = names(default_suites(name, open_checkpoint))
    assert {"professions", "public_figures", "controls"} <= found
    assert not {suite for suite in found if suite.startswith("phantom")}


def test_the_judge_fits_the_vocabulary(tiny_checkpoint, open_checkpoint):
    assert default_judges(tiny_checkpoint) == ("zero_shot:phantom:judge",)
    assert default_judges(open_checkpoint) == ("nudenet",)
