"""The page docs/gate.md does what it says: its commands run, its policy is one, its workflows use them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from audit.errors import ExitCode
from audit.gate import load_policy

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT.joinpath("docs", "gate.md").read_text(encoding="utf-8")
PROGRAM = ".venv/bin/clip-audit"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def workflow_commands() -> list[tuple[str, str]]:
    github, gitlab, *_ = map(yaml.safe_load, blocks("yaml"))
    runs = [step["run"] for step in github["jobs"]["audit"]["steps"] if "run" in step]
    return [*(("github", line) for line in runs), *(("gitlab", line) for line in gitlab["audit"]["script"])]


def shell(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line as it stands, with this interpreter's program in place of that of ``make``; quick, for time's sake."""
    program = f"{shlex.quote(sys.executable)} -m audit"
    line = command.replace(PROGRAM, program)
    if " run " in line and "-m audit" in line:
        line += " --effort quick"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    return subprocess.run(
        ["bash", "-c", line], check=False, cwd=folder, capture_output=True, text=True, timeout=600, env=environment
    )


def without_comment(line: str) -> str:
    return line.removeprefix("$ ").partition("  #")[0].strip()


def test_the_policy_of_the_page_is_one(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(blocks("toml")[0], encoding="utf-8")
    policy = load_policy(str(path))
    assert [rule.rule_id for rule in policy.rules] == ["no-profession-as-if-said"]
    assert [waiver.owner for waiver in policy.waivers] == ["Ada Moor"]


def test_the_workflows_install_what_the_checkout_has_and_run_the_gate():
    for kind in ("github", "gitlab"):
        commands = [line for of, line in workflow_commands() if of == kind]
        assert commands[0].endswith("install -c constraints.txt -e .")
        assert (ROOT / "constraints.txt").is_file()
        assert any(" --policy " in line for line in commands)


@pytest.mark.slow
def test_every_command_runs_and_ends_as_a_quick_audit_does(tmp_path):
    for line in blocks("console")[0].splitlines():
        done = shell(without_comment(line), tmp_path)
        assert done.returncode == ExitCode.INCONCLUSIVE, done.stderr  # too few prompts, as the page says
        assert "no-profession-as-if-said" in done.stdout
    assert (tmp_path / "decision" / "decision.json").is_file()
    lines = [line for _, line in workflow_commands() if "pip install" not in line]
    for line in dict.fromkeys(lines):  # both workflows run the same audit
        shutil.copytree(tmp_path / "runs" / "balanced", tmp_path / "runs" / "release", dirs_exist_ok=True)
        done = shell(line, tmp_path, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
        if "clip-audit" in line:
            assert done.returncode == ExitCode.INCONCLUSIVE, (line, done.stderr)
            assert re.search(r"^::warning title=clip-audit%3A ", done.stderr, re.MULTILINE)
        else:
            assert done.returncode == 0, (line, done.stderr)
    assert (tmp_path / "summary").read_text(encoding="utf-8").startswith("# Audit of phantom:balanced")
    assert (tmp_path / "runs" / "release" / "junit.xml").is_file()


def test_the_action_and_the_hooks_are_named_with_what_they_have():
    (used,), hooked = map(yaml.safe_load, blocks("yaml")[2:])
    action, hooks = (
        yaml.safe_load(ROOT.joinpath(name).read_text(encoding="utf-8"))
        for name in ("action.yml", ".pre-commit-hooks.yaml")
    )
    assert used["with"].keys() <= action["inputs"].keys()
    (repo,) = hooked["repos"]
    assert {one["id"] for one in repo["hooks"]} == {one["id"] for one in hooks}
