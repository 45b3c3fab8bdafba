"""What people install: the wheel holds all that the checkout has, and another ``audit`` in the way is named."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import audit
from audit import packaged
from audit.report.method import shipped_appendix

ROOT = Path(audit.__file__).resolve().parents[1]
BUILT_FROM = ("audit", "prompts", "reports/templates", "reports/calibration")
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def python(*words: object, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({} if path is None else {"PYTHONPATH": str(path)})}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True, timeout=300)


def build(step: str, source: Path, into: Path) -> Path:
    done = python("-c", BUILD, step, into, cwd=source)
    assert done.returncode == 0, done.stderr
    return into / done.stdout.split()[-1]


@pytest.fixture(scope="session")
def sdist(tmp_path_factory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for folder in BUILT_FROM:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, source)
    return build("build_sdist", source, out)


@pytest.fixture(scope="session")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel as ``python -m build`` makes it: from the sdist, and from nothing else."""
    place = tmp_path_factory.mktemp("unpacked_sdist")
    shutil.unpack_archive(sdist, place, filter="data")
    (source,) = place.iterdir()
    return build("build_wheel", source, sdist.parent)


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("installed")
    shutil.unpack_archive(wheel, place, format="zip")
    return place


def shipped(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name", ["PROMPTS", "TEMPLATES", "CALIBRATION", "POLICIES", "WORLDS", "PHANTOMS", "LABEL_PAGE"]
)
def test_the_wheel_holds_every_file_that_the_checkout_finds(installed, name):
    here = getattr(packaged, name)
    code = f"from audit import packaged; print(packaged.{name})"
    there = Path(python("-c", code, cwd=installed).stdout.strip())
    assert there.is_relative_to(installed)
    assert shipped(there) == shipped(here) != set()


def test_the_wheel_holds_every_module_and_its_papers(installed):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "audit").rglob("*.py")} | {"clip_audit.py"}
    there = shipped(installed)
    assert {name for name in there if name.endswith(".py")} == modules
    (papers,) = installed.glob("*.dist-info")
    assert {"licenses/LICENSE", "licenses/NOTICE"} <= shipped(papers)
    assert "audit/py.typed" in there
    assert f"\nVersion: {audit.__version__}\n" in (papers / "METADATA").read_text(encoding="utf-8")


def test_the_wheel_alone_lists_suites_reads_templates_and_plans(installed, tmp_path):
    code = (
        "import audit, json, sys; from audit.suites import list_suites, load_suite; from audit.gate import load_policy;"
        "from audit.report.method import shipped_appendix; from audit.report.html import read_template;"
        "suites = [load_suite(path).name for path in list_suites()];"
        "print(json.dumps([audit.__file__, suites, load_policy('release').name, len(shipped_appendix().figures)]),"
        "read_template('report.html.j2')[:1], read_template('report.typ')[:1])"
    )
    done = python("-c", code, cwd=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr
    place, suites, policy, figures = json.loads(done.stdout.rpartition("]")[0] + "]")
    assert Path(place).is_relative_to(installed)
    assert len(suites) == len(list(packaged.PROMPTS.rglob("*.toml")))
    assert (policy, figures) == ("release", len(shipped_appendix().figures))
    assert figures
    words = ("plan", "phantom:skewed", "--suite", "phantom/controls", "--no-probe", "--json")
    done = python("-m", "clip_audit", *words, cwd=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] > 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stranger", ["audit.py", "audit/__init__.py"])
def test_another_audit_in_the_way_is_named_in_one_sentence(tmp_path, stranger):
    file = tmp_path / stranger
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise RuntimeError('the wrong one was run')", encoding="utf-8")
    done = python("-m", "clip_audit", "--version", cwd=tmp_path)
    assert done.returncode == 2
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert str(file) in done.stderr
    assert "PYTHONPATH" in done.stderr


def test_the_program_starts_by_its_other_name(tmp_path):
    done = python("-m", "clip_audit", "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"clip-audit {audit.__version__}\n"), done.stderr
