"""The examples of docs/machines.md: each script is run, with a program in place of ours that keeps what it is given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from audit.cli import app
from audit.cli.options import pick_part

PAGE = Path(__file__).resolve().parents[2].joinpath("docs", "machines.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    assert found
    return found


class Shell:
    """Runs scripts in a folder of its own, where clip-audit writes its words into a file and makes its --out."""

    def __init__(self, place: Path) -> None:
        self.place = place
        program = place / "bin" / "clip-audit"
        program.parent.mkdir()
        program.write_text(
            '#!/bin/bash\nprintf "%s\\n" "$@" > "$SAID"\n'
            'while [ $# -gt 0 ]; do [ "$1" = --out ] && mkdir -p "$2" && touch "$2/spec.json"; shift; done\n'
        )
        program.chmod(0o755)

    def run(self, words: list[str], **variables: object) -> list[str]:
        """Return the words that a script gave to clip-audit."""
        said = self.place / "said"
        given = {"PATH": f"{self.place / 'bin'}:/usr/bin:/bin", "SAID": str(said)}
        given |= {name: str(value) for name, value in variables.items()}
        words = [re.sub(r"/(audits|shared)\b", rf"{self.place}/\1", word) for word in words]
        done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=self.place, env=given)
        assert done.returncode == 0, done.stderr
        return said.read_text().splitlines()


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path)


def read(words: list[str]) -> dict[str, object]:
    """Parse a command line as the program does."""
    with COMMANDS[words[0]].make_context("clip-audit", words[1:]) as context:
        return dict(context.params)


def assert_one_run(parts: list[list[str]], report: list[str] | None = None) -> None:
    """The commands differ in their part alone, make every part once, and the report is on their folder."""
    told = [read(words) for words in parts]
    made = [pick_part(str(one.pop("shard")), sequential=False, of_the_end={}) for one in told]
    assert [(part.number, part.of) for part in made if part] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert all(one == told[0] for one in told)
    if report is not None:
        assert report[0] == "report"
        assert read(report)["run"] == told[0]["out"]


def test_the_scripts_of_slurm(shell):
    part, report = blocks("Slurm", "bash")
    found = re.search(r"^#SBATCH --array=1-(\d+)$", part, re.MULTILINE)
    assert found
    parts = [shell.run(["bash", "-c", part], SLURM_ARRAY_TASK_ID=n) for n in range(1, int(found[1]) + 1)]
    assert_one_run(parts, shell.run(["bash", "-c", report]))


def test_the_jobs_of_kubernetes(shell):
    (text,) = blocks("Kubernetes", "yaml")
    job, report = yaml.safe_load_all(text)
    spec = job["spec"]
    assert (spec["completionMode"], spec["template"]["spec"]["restartPolicy"]) == ("Indexed", "Never")
    (container,) = spec["template"]["spec"]["containers"]
    parts = [shell.run(container["command"], JOB_COMPLETION_INDEX=n) for n in range(spec["completions"])]
    assert_one_run(parts, shell.run(report["spec"]["template"]["spec"]["containers"][0]["command"]))
    for one in (job, report):
        pod = one["spec"]["template"]["spec"]
        mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_task_of_skypilot(shell):
    (text,) = blocks("SkyPilot", "yaml")
    task = yaml.safe_load(text)
    parts = [shell.run(["bash", "-c", task["run"]], SKYPILOT_NODE_RANK=n) for n in range(task["num_nodes"])]
    assert_one_run(parts)
    assert (shell.place / "audits" / "mine" / "spec.json").is_file()


def test_the_matrix_of_github(shell):
    (text,) = blocks("GitHub Actions", "yaml")
    jobs = yaml.safe_load(text)["jobs"]
    ours = {
        name: [step for step in job["steps"] if step.get("run", "").startswith("clip-audit")]
        for name, job in jobs.items()
    }
    (part,), (report,) = ours["part"], ours["report"]
    assert part["env"] == {"PART": "${{ matrix.part }}"}
    numbers = jobs["part"]["strategy"]["matrix"]["part"]
    parts = [shell.run(["bash", "-c", part["run"]], PART=n) for n in numbers]
    assert_one_run(parts, shell.run(["bash", "-c", report["run"]]))
    assert jobs["report"]["needs"] == "part"
    (up,) = [step["with"] for step in jobs["part"]["steps"] if "upload-artifact" in step.get("uses", "")]
    (down,) = [step["with"] for step in jobs["report"]["steps"] if "download-artifact" in step.get("uses", "")]
    assert up["path"] == down["path"] == "runs/mine"
    assert up["name"].startswith(down["pattern"].rstrip("*"))
    assert down["merge-multiple"] is True


def test_the_array_over_many_checkpoints(shell):
    (script,) = blocks("A thousand checkpoints", "bash")
    (shell.place / "shared").mkdir()
    (shell.place / "shared" / "checkpoints.txt").write_text("phantom:skewed\nmodels/my clip\n")
    told = [read(shell.run(["bash", "-c", script], SLURM_ARRAY_TASK_ID=n)) for n in (1, 2)]
    assert [one["checkpoint"] for one in told] == ["phantom:skewed", "models/my clip"]
    assert [Path(str(one["out"])).name for one in told] == ["1", "2"]
