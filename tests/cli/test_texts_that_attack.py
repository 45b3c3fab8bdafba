"""Texts of suites, policies and folders that would be read as something else than text, or as another text."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from audit.errors import ExitCode
from tests.kept_run import KEPT, POLICY

SUITE = """schema_version = {version}
name = "attack"
version = "1.0"
lens = "gender"
purpose = {purpose}
source = "s"
licence = "x"
[slots]
job = [ {entries} ]
[[block]]
role = "subject"
templates = [{templates}]
"""


@pytest.fixture
def suite(tmp_path):
    def write(entries: str = '{ concept = "nurse" }', **more: str) -> Path:
        given = {"version": "1", "purpose": '"p"', "templates": '"a {job}"', **more}
        path = tmp_path / "suite.toml"
        path.write_text(SUITE.format(entries=entries, **given), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("command", ["::error title=x::y", "::add-mask::x", "##[error]x", "::stop-commands::x"])
def test_no_folded_line_is_a_command_in_a_job_of_github(cli, suite, monkeypatch, columns, command):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("COLUMNS", str(columns))
    path = suite(f'{{ concept = "nurse", text = "{"nurse " * 34}{command}" }}', templates='"{job}"')
    said = cli("suites", "show", path)
    assert said.code == 0, said.err
    lines = re.split(r"[\r\n]", said.out + said.err)
    assert not [line for line in lines if line.strip().startswith("::") or "##[" in line]
    assert "nurse" in said.out


@pytest.mark.parametrize("other", ["nur\\u200Bse", "nurse\\u2060", "nur\\u0455e", "\\uff4eurse"])
def test_two_concepts_that_look_alike_are_refused(cli, suite, other):
    said = cli("suites", "check", suite(f'{{ concept = "nurse" }}, {{ concept = "{other}" }}'))
    assert said.code == ExitCode.USAGE
    assert "looks like it" in said.err


def test_two_prompts_that_look_alike_are_refused(cli, suite):
    said = cli("suites", "check", suite(templates='"a {job}", "a\\u200B {job}"'))
    assert said.code == ExitCode.USAGE
    assert "looks like" in said.err


@pytest.mark.parametrize("text", ["\\u200B", "\\u3164", "\\u2060 \\u200D"])
def test_a_text_of_which_nothing_is_seen_is_empty(cli, suite, text):
    assert cli("suites", "check", suite(purpose=f'"{text}"')).code == ExitCode.USAGE
    assert cli("suites", "check", suite(f'{{ concept = "{text}" }}')).code == ExitCode.USAGE


@pytest.mark.parametrize("version", ["true", "1.0", '"1"', "2", "[1]", f"1{'0' * 400}"])
def test_what_equals_a_version_and_is_none_is_refused(cli, suite, tmp_path, version):
    assert cli("suites", "check", suite(version=version)).code == ExitCode.USAGE
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'schema_version = {version}\nname = "p"\n[[rule]]\nid = "r"\nmetric = "gender.lean"\nsuite = "s"\n'
        'subject = "*"\nat_most = 0.5\n',
        encoding="utf-8",
    )
    assert cli("gate", KEPT, "--policy", policy).code == ExitCode.USAGE


@pytest.mark.parametrize("number", [f"1{'0' * 309}", f"-1{'0' * 400}", "inf", "nan"])
def test_a_number_that_no_float_holds_is_refused(cli, suite, tmp_path, number):
    assert cli("suites", "check", suite(f'{{ concept = "nurse", f = {number} }}')).code == ExitCode.USAGE
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'schema_version = 1\nname = "p"\n[[rule]]\nid = "r"\nmetric = "gender.lean"\nsuite = "s"\n'
        f'subject = "*"\nat_most = {number}\n',
        encoding="utf-8",
    )
    assert cli("gate", KEPT, "--policy", policy).code == ExitCode.USAGE


@pytest.mark.parametrize("name", ["summary.md", "junit.xml", "decision.json"])
def test_a_decision_is_not_written_over_files_of_somebody_else(cli, tmp_path, name):
    run = shutil.copytree(KEPT, tmp_path / "run")
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine", encoding="utf-8")
    said = cli("gate", run, "--policy", tmp_path / "policy.toml", "--out", out)
    assert said.code == ExitCode.USAGE
    assert "somebody else" in said.complaint
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text(encoding="utf-8") == "mine"
    (out / name).unlink()
    (out / "note.txt").write_text("beside", encoding="utf-8")
    for _ in range(2):  # into a folder with other files, and over its own decision
        assert cli("gate", run, "--policy", tmp_path / "policy.toml", "--out", out).code == ExitCode.INCONCLUSIVE
    assert json.loads((out / "decision.json").read_text(encoding="utf-8"))["verdict"] == "inconclusive"


def test_a_history_is_not_written_over_pages_of_somebody_else(cli, tmp_path):
    shutil.copytree(KEPT, tmp_path / "runs" / "run")
    page = tmp_path / "runs" / "history.html"
    page.write_text("mine", encoding="utf-8")
    assert cli("history", tmp_path / "runs").code == ExitCode.USAGE
    assert page.read_text(encoding="utf-8") == "mine"
