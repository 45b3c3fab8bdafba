"""The gate on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from audit.errors import ExitCode

POLICY = """schema_version = 1
name = "tiny"
[[rule]]
id = "converged"
metric = "quality.converged_share"
suite = "tiny"
subject = "*"
at_least = 0.5
"""


@pytest.fixture
def policy(tmp_path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.fixture
def copy(run_folder, tmp_path) -> Path:
    return shutil.copytree(run_folder, tmp_path / "copy")


def test_a_gate_answers_with_one_object_and_its_exit_code(cli, copy, policy):
    said = cli("gate", copy, "--policy", policy, "--json")
    assert said.code == said.json["decision"]["exit_code"] == ExitCode.INCONCLUSIVE
    assert said.json["decision"]["policy"]["name"] == "tiny"
    assert said.json["decision"] == json.loads((copy / "decision.json").read_text(encoding="utf-8"))
    assert said.json["report"]["html"] == str(copy / "report.html")


def test_beside_a_run_the_decision_is_where_it_was_wanted(cli, copy, policy, tmp_path):
    said = cli("gate", copy, "--policy", policy, "--out", tmp_path / "decision")
    assert said.code == ExitCode.INCONCLUSIVE
    assert f"Decision: {tmp_path / 'decision' / 'decision.json'}" in said.out
    assert "report.html" not in said.out
    answer = cli("gate", copy, "--policy", policy, "--out", tmp_path / "decision", "--json").json
    assert {Path(path).name for path in answer["report"].values()} == {"decision.json", "summary.md", "junit.xml"}
    assert all(Path(path).is_file() for path in answer["report"].values())


def test_a_run_is_gated_at_once(cli, run_words, copy, policy):
    said = cli(*run_words, "--out", copy, "--policy", policy, "--json")
    assert said.code == ExitCode.INCONCLUSIVE, said.err
    assert said.json["decision"]["policy"]["name"] == "tiny"


@pytest.mark.parametrize("command", ["gate", "run"])
def test_a_broken_policy_exits_2_before_anything_is_loaded(cli, run_words, copy, policy, command):
    policy.write_text(POLICY.replace("converged_share", "convergd_share"), encoding="utf-8")
    words = ("gate", copy) if command == "gate" else (*run_words, "--out", copy)
    said = cli(*words, "--policy", policy)
    assert said.code == ExitCode.USAGE
    assert f"{policy}, line 5: there is no metric 'quality.convergd_share'" in said.complaint
    assert "Loading" not in said.err
    assert "Reading" not in said.err


def test_a_policy_of_other_suites_exits_2(cli, run_words, copy):
    assert "names the suite" in cli("gate", copy, "--policy", "phantom").complaint
    said = cli(*run_words, "--out", copy, "--policy", "release")
    assert said.code == ExitCode.USAGE
    assert "inverting" not in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gate", "nix", "--policy", "phantom"), "nix is not a run folder"),
        (("run", "phantom:skewed", "--policy", "nix"), "There is no policy 'nix'"),
        (("run", "phantom:skewed", "--policy", "nix.toml"), "There is no file 'nix.toml'. Shipped policies"),
        (("gate", "nix"), "--policy"),
        (("run", "phantom:skewed", "--baseline", "nix"), "A baseline is named and no policy"),
    ],
)
def test_wrong_use_exits_2(cli, words, said):
    found = cli(*words)
    assert found.code == ExitCode.USAGE
    assert said in found.complaint


def test_a_policy_that_compares_needs_a_baseline(cli, copy, policy):
    worse = POLICY[POLICY.index("[[rule]]") :].replace("at_least = 0.5", "worse_by_at_most = 0.1")
    policy.write_text(POLICY + worse.replace('"converged"', '"worse"'), encoding="utf-8")
    said = cli("gate", copy, "--policy", policy)
    assert said.code == ExitCode.USAGE
    assert "--baseline" in said.complaint


def test_an_unfinished_run_exits_3_and_a_damaged_one_5(cli, copy, policy):
    (copy / "findings.json").write_text("{}", encoding="utf-8")
    said = cli("gate", copy, "--policy", policy)
    assert said.code == ExitCode.ENVIRONMENT
    assert "findings.json (changed)" in said.complaint
    (copy / "run.json").unlink()
    said = cli("gate", copy, "--policy", policy)
    assert said.code == ExitCode.INCONCLUSIVE
    assert "not finished" in said.complaint


def test_in_a_job_of_github_what_stands_in_the_way_is_annotated(cli, copy, policy, monkeypatch):
    assert "::warning" not in cli("gate", copy, "--policy", policy).err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    said = cli("gate", copy, "--policy", policy, "--json")
    assert said.json["verdict"] == "inconclusive"
    marked = [line for line in said.err.splitlines() if line.startswith("::")]
    assert any(line.startswith("::warning title=clip-audit%3A waived::") for line in marked)
    assert not any(line.lstrip().startswith("::") for line in said.out.splitlines())
