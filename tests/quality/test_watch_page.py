"""The examples of docs/watch.md: each is sound in its language, and its command is one of the program."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from audit.cli import app
from audit.watching.sources_file import read_watch

PAGE = Path(__file__).resolve().parents[2].joinpath("docs", "watch.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found


def parse(words: list[str]) -> dict[str, object]:
    """Parse a command line as the program does; what it may hold in front of the command is left out."""
    assert words[0].rpartition("/")[2] == "clip-audit"
    rest = [word for word in words[1:] if word not in {"--quiet", "--verbose"}]
    with COMMANDS[rest[0]].make_context("clip-audit", rest[1:]) as context:
        return dict(context.params)


def is_a_round(words: list[str]) -> bool:
    told = parse(words)
    return told["once"] is True and str(told["sources"]).endswith("sources.toml")


def test_the_file_of_sources_is_one(tmp_path):
    (text,) = blocks("toml")
    file = tmp_path / "sources.toml"
    file.write_text(text, encoding="utf-8")
    watch = read_watch(file)
    assert [source.name for source in watch.source] == ["ours", "training", "registered"]
    assert [hook.form for hook in watch.webhook] == ["json", "slack"]


def test_the_line_of_cron(tmp_path):
    (line,) = blocks("cron")
    *fields, command = line.split(None, 5)
    assert all(re.fullmatch(r"\*|\d+", field) for field in fields)
    assert len(fields) == 5
    assert is_a_round(shlex.split(command.partition("&&")[2]))


def units() -> dict[str, configparser.ConfigParser]:
    parsed = []
    for text in blocks("ini"):
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(text)
        parsed.append(unit)
    return {"service": parsed[0], "timer": parsed[1]}


def test_the_units_of_systemd():
    command = units()["service"]["Service"]["ExecStart"]
    assert is_a_round(shlex.split(command))
    assert "OnCalendar" in units()["timer"]["Timer"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_takes_them(tmp_path):
    paths = []
    for text, kind in zip(blocks("ini"), ("service", "timer"), strict=True):
        path = tmp_path / f"clip-audit-watch.{kind}"
        path.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text), encoding="utf-8")
        paths.append(str(path))
    done = subprocess.run(["systemd-analyze", "verify", *paths], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "clip-audit-watch" not in done.stderr, done.stderr


def test_the_workflow_of_github():
    workflow = yaml.safe_load(blocks("yaml")[0])
    steps = workflow["jobs"]["watch"]["steps"]
    runs = [step["run"] for step in steps if step.get("run", "").startswith("clip-audit")]
    assert [is_a_round(shlex.split(run)) for run in runs] == [True]
    assert len(workflow[True]["schedule"][0]["cron"].split()) == 5  # YAML 1.1 reads "on" as true
    assert any(step.get("with", {}).get("path") == "watched" for step in steps)


def test_the_job_of_kubernetes():
    job = yaml.safe_load(blocks("yaml")[1])
    assert (job["apiVersion"], job["kind"], job["spec"]["concurrencyPolicy"]) == ("batch/v1", "CronJob", "Forbid")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert is_a_round(container["command"])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
