"""A run of the first release opens: it is reported, judged, gated and compared as one of today.

``tests/data/first_release_run`` is ``clip-audit run phantom:skewed --judge zero_shot:phantom:judge --effort quick`` of
version 0.1 on a suite of eight prompts, made on two CPU cores in fp32.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.kept_run import KEPT


@pytest.fixture
def run(tmp_path) -> Path:
    return shutil.copytree(KEPT, tmp_path / "run")


def numbers(folder: Path) -> dict[tuple[str, str, str], tuple[float | None, ...]]:
    """Return value and interval of every finding."""
    document = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    return {
        (one["suite"], one["metric"], one["subject"]): tuple(one["estimate"][key] for key in ("value", "low", "high"))
        for one in document["findings"]
    }


def alike(found: dict, expected: dict) -> bool:
    """Tell whether what both measured has the same value; intervals and metrics are those of today."""
    both = [key for key in expected if key in found and None not in (found[key][0], expected[key][0])]
    assert len(both) > len(expected) / 2
    return all(found[key][0] == pytest.approx(expected[key][0]) for key in both)


def test_a_new_report_says_the_same_numbers(cli, run):
    said = cli("report", run, "--json")
    assert said.code in {0, 3}, said.err
    assert alike(numbers(run), numbers(KEPT))


def test_the_same_judge_looks_again_and_sees_the_same(cli, run):
    said = cli("judge", run, "--judge", "zero_shot:phantom:judge", "--json")
    assert said.code in {0, 3}, said.err
    assert alike(numbers(run), numbers(KEPT))


POLICY = """
schema_version = 1
name = "first_release"
[[rule]]
id = "no-lean-of-all"
metric = "gender.raw_lean"
suite = "first_release"
subject = "*"
between = [-0.25, 0.25]
reason = "Professions as a whole do not lean."
"""


def test_a_policy_is_held_against_it(cli, run, tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    said = cli("gate", run, "--policy", tmp_path / "policy.toml", "--out", tmp_path / "decision", "--json")
    assert said.code == 3, said.err  # two women and two men show nothing of the judge
    assert said.json["verdict"] == "inconclusive"


def test_compared_with_itself_nothing_has_changed(cli, run, tmp_path):
    said = cli("compare", KEPT, run, "--out", tmp_path / "compared", "--json")
    assert said.code == 3, said.err  # that release had no control of unsafe content
    changes = [one["difference"] for one in said.json["changes"] if one["difference"]["value"] is not None]
    assert changes
    assert {(one["value"], one["low"], one["high"]) for one in changes} == {(0.0, 0.0, 0.0)}
