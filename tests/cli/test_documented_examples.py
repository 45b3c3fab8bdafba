"""The examples of a new suite (prompts/README.md), lens and judge (CONTRIBUTING.md), taken from there and run.

The suite is one file; the lens is one file, and one line with its import, in a copy of the chapter of lenses; the judge
is one file, and one entry with what imports it, in a copy of the chapter of judges.
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
TITLE = "Cosine with the nearest other concept"
POLICY = """
schema_version = 1
name = "apart"

[[rule]]
id = "no-twins"
metric = "likeness.nearest_cosine"
suite = "crafts"
subject = "each"
at_most = -0.9
min_prompts = 2
reason = "Concepts are told apart."
"""


def block(document: str, after: str, language: str) -> str:
    """The first fenced block of a language after a line of a document."""
    _, found, rest = (ROOT / document).read_text(encoding="utf-8").partition(after)
    assert found
    return re.split(r"^```\n", rest.partition(f"```{language}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def copy_with_lens_and_judge(place: Path) -> Path:
    """A package that is ours but for its lenses and judges: copies, each with one more file and one more line."""
    package = place / "audit"
    package.mkdir()
    for path in (ROOT / "audit").iterdir():
        if path.name not in {"lenses", "judges", "__pycache__"}:
            (package / path.name).symlink_to(path)
    _add_judge(shutil.copytree(ROOT / "audit" / "judges", package / "judges"))
    lenses = shutil.copytree(ROOT / "audit" / "lenses", package / "lenses")
    (lenses / "likeness.py").write_text(block("CONTRIBUTING.md", "`audit/lenses/likeness.py`", "python"), "utf-8")
    line = block("CONTRIBUTING.md", "its line in `OWN_LENSES`", "python")
    registry = (lenses / "__init__.py").read_text(encoding="utf-8")
    head, table, rest = registry.partition("OWN_LENSES: Final[Mapping[str, Lens]] = {\n")
    (lenses / "__init__.py").write_text(f"{head}from audit.lenses import likeness\n\n{table}{line}{rest}", "utf-8")
    return place


def _add_judge(judges: Path) -> None:
    example = block("CONTRIBUTING.md", "`audit/judges/known_images.py`", "python")
    (judges / "known_images.py").write_text(example, "utf-8")
    entry = block("CONTRIBUTING.md", "its entry in `JUDGES`", "python")
    loader = block("CONTRIBUTING.md", "imports the file when the judge is asked for", "python")
    registry = (judges / "__init__.py").read_text(encoding="utf-8")
    head, table, rest = registry.partition("JUDGES: Final[Mapping[str, JudgeKind]] = {\n")
    (judges / "__init__.py").write_text(f"{head}{loader}\n\n{table}{entry}{rest}", "utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the package and both examples, two phantoms, and a policy about the metric of the lens."""
    place = copy_with_lens_and_judge(tmp_path_factory.mktemp("examples"))
    for number, name in enumerate(("phantom", "another")):
        world = World.model_validate({**WORLD, "training": {**WORLD["training"], "seed": number}})
        save_phantom(train(world), world, place / name)
    (place / "crafts.toml").write_text(block("prompts/README.md", "## Writing one", "toml"), encoding="utf-8")
    (place / "policy.toml").write_text(POLICY, encoding="utf-8")
    return place


def asked(place: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """What the command line with both examples answers."""
    return subprocess.run(
        [sys.executable, "-m", "audit", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(place)},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def audited(place: Path, name: str, *more: object) -> Path:
    words = ("--judge", "zero_shot:phantom:judge", "--effort", "quick", "--waive-sanity", "--device", "cpu", *more)
    done = asked(place, "run", place / name, "--suite", place / "crafts.toml", *words, "--out", place / f"{name}-run")
    assert done.returncode == 3, done.stderr  # images of a phantom that is hardly trained settle nothing
    return place / f"{name}-run"


@pytest.fixture(scope="module")
def run(place) -> Path:
    return audited(place, "phantom", "--policy", place / "policy.toml")


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


def test_the_figure_and_headings_of_both_examples_are_in_the_report(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert (run / "figures" / "main-figure.svg").is_file()
    assert f"{TITLE} per concept of " in page
    assert "lean of the text alone" in page.lower()
    assert "carpenter" in page


def test_the_example_of_a_lens_is_explained_in_the_glossary_of_the_report(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert f"<dt><bdi>{TITLE}</bdi></dt>" in page
    assert "on average over the texts of the concept" in page


def test_a_policy_can_rule_on_the_example_of_a_lens(run):
    results = json.loads((run / "decision.json").read_text(encoding="utf-8"))["results"]
    mine = [one for one in results if one["rule"].startswith("no-twins")]
    assert len(mine) == 2
    assert all(one["verdict"] == "fail" for one in mine)


def test_a_comparison_tells_of_the_example_of_a_lens(place, run):
    assert asked(place, "compare", run, audited(place, "another"), "--out", place / "compared").returncode in {0, 3}
    changes = json.loads((place / "compared" / "changes.json").read_text(encoding="utf-8"))["changes"]
    mine = [one for one in changes if one["metric"] == "likeness.nearest_cosine"]
    assert {one["subject"] for one in mine} == {"carpenter", "welder", "*"}
    assert TITLE in (place / "compared" / "summary.md").read_text(encoding="utf-8")


def test_a_model_card_tells_of_the_example_of_a_lens_on_the_suite_as_a_whole(place, run):
    assert asked(place, "card", run, "--out", place / "card.md").returncode == 0
    assert TITLE in (place / "card.md").read_text(encoding="utf-8")


def test_the_list_of_metrics_has_the_example_of_a_lens_in_its_own_words(place):
    listed = json.loads(asked(place, "suites", "metrics", "--json").stdout)["metrics"]
    mine = next(one for one in listed if one["name"] == "likeness.nearest_cosine")
    assert (mine["title"], mine["unit"], mine["neutral"], mine["direction"]) == (TITLE, "cosine", 0.0, "lower")


def test_the_example_of_a_judge_gives_a_run_its_scores(place, run):
    grey = "f0f0f0f00f0f0f0f"
    (place / "hashes.txt").write_text(f"{grey}\n", encoding="utf-8")
    done = asked(place, "judge", run, "--judge", f"known_images:{place / 'hashes.txt'}")
    assert done.returncode in {0, 1, 3}, done.stderr
    (table,) = (run / "tables").glob("scores_known-images-*.csv")
    scores = pd.read_csv(table)
    assert scores["unsafe"].between(0, 1).all()
    assert scores["unsafe"].nunique() > 1


def test_the_example_of_a_judge_is_offered_by_help_and_where_a_name_is_wrong(place):
    assert "known_images:FILE" in asked(place, "run", "--help").stdout
    wrong = asked(place, "judge", place / "phantom-run", "--judge", "known_image:x").stderr
    assert "Did you mean 'known_images'?" in wrong
    assert "known_images:FILE" in wrong
