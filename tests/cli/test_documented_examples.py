"""The examples of a new suite (prompts/README.md) and of a new lens (CONTRIBUTING.md), taken from there and run.

The suite is one file; the lens is one file, and one line with its import, in a copy of the chapter of lenses.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from audit.phantom.phantom_folder import save_phantom
from audit.phantom.training import train
from audit.phantom.world import World

ROOT = Path(__file__).resolve().parents[2]
LOOKS = {"clothes": "#4fc3c0", "background": "#e4f6e8"}
WORLD = {
    "name": "crafts",
    "profession": [
        {"word": "carpenter", "man": 0.9, **LOOKS},
        {"word": "welder", "man": 0.5, "hat": "helmet", **LOOKS},
    ],
    "training": {"pictures": 64, "batch": 16, "epochs": 1},
}


def block(document: str, after: str, language: str) -> str:
    """The first fenced block of a language after a line of a document."""
    _, found, rest = (ROOT / document).read_text(encoding="utf-8").partition(after)
    assert found
    return re.split(r"^```\n", rest.partition(f"```{language}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def copy_with_the_lens(place: Path) -> Path:
    """A package that is ours but for its lenses, which are a copy with one more file and one more line."""
    package = place / "audit"
    package.mkdir()
    for path in (ROOT / "audit").iterdir():
        if path.name not in {"lenses", "__pycache__"}:
            (package / path.name).symlink_to(path)
    lenses = shutil.copytree(ROOT / "audit" / "lenses", package / "lenses")
    (lenses / "likeness.py").write_text(block("CONTRIBUTING.md", "`audit/lenses/likeness.py`", "python"), "utf-8")
    line = block("CONTRIBUTING.md", "its line in `LENSES`", "python")
    registry = (lenses / "__init__.py").read_text(encoding="utf-8")
    registry = registry.replace("\n_OF_WORDS:", "\nfrom audit.lenses.likeness import LikenessLens\n\n_OF_WORDS:", 1)
    (lenses / "__init__.py").write_text(registry.replace("= _by_name(\n", f"= _by_name(\n{line}", 1), "utf-8")
    return place


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("examples")
    world = World.model_validate(WORLD)
    save_phantom(train(world), world, place / "phantom")
    suite = place / "crafts.toml"
    suite.write_text(block("prompts/README.md", "## Writing one", "toml"), encoding="utf-8")
    words = ("--judge", "zero_shot:phantom:judge", "--effort", "quick", "--waive-sanity", "--device", "cpu")
    done = subprocess.run(
        [sys.executable, "-m", "audit", "run", place / "phantom", "--suite", suite, *words, "--out", place / "run"],
        env={**os.environ, "PYTHONPATH": str(copy_with_the_lens(place))},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 3, done.stderr  # images of a phantom that is hardly trained settle nothing
    return place / "run"


@pytest.mark.parametrize("metric", ["gender.undetermined_share", "associations.text_lean", "likeness.nearest_cosine"])
def test_the_findings_of_both_examples_are_there(run, metric):
    said = json.loads((run / "findings.json").read_text(encoding="utf-8"))["findings"]
    mine = [one for one in said if (one["suite"], one["metric"]) == ("crafts", metric)]
    found = {one["subject"]: one["estimate"]["value"] for one in mine}
    assert {"carpenter", "welder"} <= set(found)
    assert all(isinstance(value, float) for value in found.values())


@pytest.mark.parametrize("table", ["gender_concepts", "associations_leans", "likeness_concepts"])
def test_the_tables_of_both_examples_are_there(run, table):
    assert {"carpenter", "welder"} <= set(pd.read_csv(run / "tables" / f"{table}.csv")["concept"])


@pytest.mark.parametrize(
    ("title", "figure"),
    [
        ("Lean of the text alone", "suite-1-associations-text-lean"),
        ("Cosine with the nearest other concept", "suite-1-likeness-nearest-cosine"),
    ],
)
def test_the_figures_and_headings_of_both_examples_are_in_the_report(run, title, figure):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert (run / "figures" / f"{figure}.svg").is_file()
    assert figure in page
    assert f"{title} per concept of " in page
    assert "carpenter" in page
