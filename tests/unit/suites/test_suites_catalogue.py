"""Suites are found by name, in the checkout, and by path anywhere."""

import pytest

from audit.errors import UsageProblem
from audit.suites import expansion, list_suites, load_suite, suite_path


def test_a_shipped_suite_is_found_by_its_name():
    assert suite_path("professions").name == "professions.toml"
    assert suite_path("phantom/professions").parent.name == "phantom"


def test_a_path_is_taken_as_it_is(tmp_path):
    path = tmp_path / "mine.toml"
    path.touch()
    assert suite_path(str(path)) == path


def test_a_near_miss_is_answered_with_the_name_that_was_meant():
    with pytest.raises(UsageProblem, match="Did you mean 'professions'"):
        suite_path("profesions")


@pytest.mark.parametrize(
    "name", ["", "../prompts/professions", "/etc/passwd", "phantom", "professions.yaml", "no.toml"]
)
def test_what_is_no_suite_is_refused(name):
    with pytest.raises(UsageProblem):
        suite_path(name)


def test_an_installation_without_suites_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(expansion, "PROMPTS", tmp_path / "prompts")
    with pytest.raises(UsageProblem, match="Install clip-audit again"):
        list_suites()


def test_a_suite_is_expanded_once_and_again_when_its_file_was_changed(tmp_path):
    shipped = suite_path("phantom/professions").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(shipped, encoding="utf-8")
    first = load_suite(path)
    assert load_suite(path) is first
    path.write_text(shipped.replace('version = "', 'version = "9.', 1), encoding="utf-8")
    assert load_suite(path).version == f"9.{first.version}"
