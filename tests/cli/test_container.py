"""The Containerfile and the hooks of pre-commit: linted, parsed, and what they call is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
EXAMPLE = ROOT / "tests" / "data" / "plugin_example"


def stages() -> dict[str, list[str]]:
    """The instructions of each stage."""
    found: dict[str, list[str]] = {}
    for line in TEXT.splitlines():
        if line.startswith("FROM "):
            found[line.split(" AS ")[1]] = [line]
        elif line and not line.startswith("#"):
            found[next(reversed(found))].append(line)
    return found


def ran(stage: str, containing: str) -> str:
    """The one shell line of a stage that does something."""
    (line,) = [one for one in stages()[stage] if one.startswith("RUN ") and containing in one]
    return line.removeprefix("RUN ")


def test_a_linter_has_nothing_to_say():
    done = subprocess.run([BIN / "hadolint", "--no-color", ROOT / "Containerfile"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b""), done.stdout


def test_a_linter_would_say_what_is_wrong(tmp_path):
    (tmp_path / "Containerfile").write_text(TEXT.replace("USER 10001", "USER root"), encoding="utf-8")
    done = subprocess.run(
        [BIN / "hadolint", "--no-color", tmp_path / "Containerfile"], capture_output=True, check=False
    )
    assert b"DL3002" in done.stdout


def test_targets_share_their_base_and_run_as_nobody_special():
    found = stages()
    assert list(found) == ["wheel", "base", "cuda", "cpu"]
    assert {line.split()[1] for name in ("wheel", "base") for line in found[name][:1]} == {"python:3.12-slim-bookworm"}
    for target in ("cuda", "cpu"):
        assert found[target][0].startswith("FROM base ")
        assert found[target][-3:] == ["USER 10001", 'ENTRYPOINT ["clip-audit"]', 'CMD ["--help"]']
    assert "clip-audit" in PROJECT["project"]["scripts"]


def test_extras_that_its_head_names_are_there():
    (named,) = re.findall(r'EXTRAS .*"\[(.*?)\]"', TEXT)
    assert set(named.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


def test_what_the_wheel_is_made_of_reaches_the_build():
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert not set(left_out) & {"audit", "prompts", "reports", "setup.py", "pyproject.toml", "constraints.txt"}
    assert {".git", ".venv", "runs"} <= set(left_out)


def test_the_steps_make_a_wheel_and_install_it(tmp_path):
    """The lines as they stand, on a small package in place of ours; `.ci/install` does the same with ours."""
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    source = shutil.copytree(EXAMPLE, tmp_path / "source")
    alone = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_COMPILE": "1"}
    environment = {**os.environ, **alone, "PATH": f"{BIN}:{os.environ['PATH']}", "TORCH_INDEX": "", "EXTRAS": ""}

    def run(line: str, **more: str) -> None:
        line = line.replace("/wheels", str(wheels))
        subprocess.run(["sh", "-ec", line], cwd=source, env={**environment, **more}, check=True, capture_output=True)

    run(ran("wheel", "pip wheel"))
    shutil.copy(ROOT / "constraints.txt", wheels)
    for target in ("cuda", "cpu"):
        run(ran(target, "pip install"), PIP_TARGET=str(site / target))
        assert (site / target / "clip_audit_warmth-1.2.dist-info").is_dir()


@pytest.mark.parametrize(
    ("hook", "sound", "broken"),
    [
        ("clip-audit-suites", "prompts/professions.toml", "prompts/everyday.toml"),
        ("clip-audit-policies", "audit/gate/policies/release.toml", "audit/gate/policies/phantom.toml"),
    ],
)
def test_a_hook_passes_what_is_sound_and_names_what_is_not(cli, tmp_path, hook, sound, broken):
    folder = tmp_path / HOOKS[hook]["files"].strip("(^|)/")
    folder.mkdir()
    shutil.copy(ROOT / sound, folder / "sound.toml")
    text = (ROOT / broken).read_text(encoding="utf-8").replace("schema_version = 1", "schema_version = 1\nmistake = 1")
    (folder / "broken.toml").write_text(text, encoding="utf-8")
    program, *words = HOOKS[hook]["entry"].split()
    assert program in PROJECT["project"]["scripts"]
    assert all(re.search(HOOKS[hook]["files"], path.relative_to(tmp_path).as_posix()) for path in folder.iterdir())
    assert cli(*words, folder / "sound.toml", ROOT / sound).code == 0
    said = cli(*words, folder / "broken.toml", folder / "sound.toml")
    assert said.code == 2
    assert "broken.toml" in said.err
    assert "mistake" in said.err
