"""``action.yml``: its steps are taken out of it and run, as a runner runs them, on a tiny checkpoint."""

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

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "action.yml").read_text(encoding="utf-8")
ACTION = yaml.safe_load(TEXT)
STEPS = ACTION["runs"]["steps"]
INPUTS = ACTION["inputs"]
POLICY = """schema_version = 1
name = "tiny"
[[rule]]
id = "even"
metric = "gender.lean"
suite = "tiny"
subject = "each"
between = [-0.25, 0.25]
reason = "No profession leans."
"""


def expanded(value: str, given: dict[str, str]) -> str:
    """A value with its expressions filled in; one that the test does not know is an error."""
    known = {f"inputs.{name}": given.get(name, one.get("default", "")) for name, one in INPUTS.items()}
    known["github.action_path"] = str(ROOT)
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: known[found[1]], value)


class Runner:
    """Runs the steps that are shell, with the files and variables that a job of GitHub gives them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        program = place / "temp" / "clip-audit" / "bin" / "clip-audit"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m audit "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        (place / "work").mkdir()

    def step(self, name: str, **given: str) -> subprocess.CompletedProcess[str]:
        (step,) = [one for one in STEPS if one.get("name") == name]
        own = {key: expanded(value, given) for key, value in step["env"].items()}
        job = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(self.place / "output"),
            "GITHUB_STEP_SUMMARY": str(self.place / "summary"),
            "RUNNER_TEMP": str(self.place / "temp"),
            "PYTHONPATH": str(ROOT),
        }
        assert step["shell"] == "bash"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**os.environ, **job, **own},
            cwd=self.place / "work",
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def said(self, name: str) -> str:
        return (self.place / name).read_text(encoding="utf-8")


@pytest.fixture
def runner(tmp_path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.slow
def test_the_action_audits_annotates_and_writes_the_summary(runner, phantom, suite):
    (runner.place / "work" / "my policy.toml").write_text(POLICY, encoding="utf-8")
    more = "\n".join(("--suite", str(suite), "--judge", "nudenet", "", "--recipe", "fast", "--waive-sanity", ""))
    given = {"checkpoint": str(phantom), "effort": "quick", "policy": "my policy.toml", "arguments": more}
    done = runner.step("Audit", **given)
    assert done.returncode == ExitCode.INCONCLUSIVE, done.stderr
    assert runner.said("output") == "exit-code=3\n"
    assert re.search(r"^::warning title=clip-audit%3A even", done.stderr, re.MULTILINE)
    assert "::error" not in done.stdout
    assert (runner.place / "work" / INPUTS["out"]["default"] / "run.json").is_file()
    assert runner.step("Summary", **given).returncode == 0
    assert runner.said("summary").startswith("# Audit of ")


def test_an_input_is_never_a_part_of_a_script(runner):
    hostile = '$(touch bad); `touch bad` "; touch bad; "\n::error::x'
    done = runner.step(
        "Audit", checkpoint=hostile, effort=hostile, policy=hostile, out="o", arguments=f"--x\n{hostile}"
    )
    assert done.returncode == ExitCode.USAGE
    assert not (runner.place / "work" / "bad").exists()
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("::")]
    assert lines == [
        line for line in lines if line.startswith("::error title=clip-audit::The audit ended with exit code 2")
    ]
    assert len(lines) == 1
    assert runner.said("output") == "exit-code=2\n"
    assert runner.step("Summary", out="o").returncode == 0
    assert "no decision" in runner.said("summary")
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


def test_every_input_is_used_and_every_expression_known():
    known = {f"inputs.{name}" for name in INPUTS} | {"github.action_path", "steps.audit.outputs.exit-code"}
    used = set(re.findall(r"\b(?:inputs|github|steps)\.[\w.-]+", TEXT.split("runs:")[1])) | {
        "steps.audit.outputs.exit-code"
    }
    assert used == known


def test_other_actions_are_pinned_by_version():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", one) for one in used)
    assert len(used) == 3


def test_what_is_kept_by_default_has_no_raw_image():
    (step,) = [one for one in STEPS if one.get("if") == f"always() && inputs.upload == '{INPUTS['upload']['default']}'"]
    assert step["with"]["path"].splitlines() == ["${{ inputs.out }}", "!${{ inputs.out }}/images"]


def test_the_installation_takes_the_package_beside_the_action_with_the_versions_that_were_tested(runner):
    shutil.rmtree(runner.place / "temp" / "clip-audit")
    tools = runner.place / "tools"
    tools.mkdir()
    fake = f'#!/bin/sh\nmkdir -p "$3/bin"\nprintf \'#!/bin/sh\\necho "$@" >"{tools}/asked"\\n\' >"$3/bin/python"\n'
    (tools / "python").write_text(f'{fake}chmod +x "$3/bin/python"\n', encoding="utf-8")
    (tools / "python").chmod(0o755)
    (step,) = [one for one in STEPS if one.get("name") == "Install clip-audit"]
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "RUNNER_TEMP": str(runner.place / "temp"), "SOURCE": "/s"}
    subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], env=environment, check=True)
    assert (tools / "asked").read_text("utf-8").split()[-3:] == ["-c", "/s/constraints.txt", "/s"]
    assert (ROOT / "constraints.txt").is_file()
