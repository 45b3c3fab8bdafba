"""Histories on the command line: which runs take part, what is written, and what is refused."""

import json

import pytest
from run_folders import write_run
from worlds import World, add_controls, seen

from audit.errors import ExitCode
from audit.evidence import continue_run, findings_text, load_evidence, read_run
from audit.lenses import LENSES


def write(folder, lean, *, finish=True, **more):
    world = World()
    for number in range(6):
        for concept in ("nurse", "pilot"):
            world.ask(concept, seen("man", signed=lean + 0.05 * number), template=f"{number} {{thing}}", lens="gender")
    add_controls(world, templates=2)
    path = write_run(folder, world.evidence(), finish=False, **more)
    evidence = load_evidence(read_run(path))
    with continue_run(path) as run:
        found = [one for lens in LENSES.values() for one in lens.examine(evidence).findings]
        run.write_text("findings.json", findings_text(found))
        if finish:
            run.finish()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("history")
    for step, lean in ((9, -0.3), (10, 0.1), (100, 0.5)):
        write(place / f"step-{step}", lean)
    write(place / "step-50", 0.2, finish=False)
    write(place / "step-60", 0.2, seed=1)
    (place / "other").mkdir()
    return place


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(
        """
schema_version = 1
name = "lines"
level = 0.95
correction = "holm"
[[rule]]
id = "lean"
metric = "gender.raw_lean"
suite = "suite"
subject = "each"
between = [-0.4, 0.4]
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def told(cli, runs, policy):
    return cli("history", runs, "--policy", policy, "--json")


def test_runs_come_in_the_order_of_the_numbers_in_their_names(told):
    assert told.code == ExitCode.OK, told.err
    assert [one["folder"] for one in told.json["runs"]] == ["step-9", "step-10", "step-100"]


def test_what_is_unfinished_or_made_otherwise_is_left_out_and_named(told):
    left_out = dict(one.split(": ", 1) for one in told.json["left_out"])
    assert set(left_out) == {"step-50", "step-60"}
    assert "seed" in left_out["step-60"]
    assert "Left out: step-50" in told.err


def test_a_policy_brings_its_lines_and_the_concepts_that_they_bound(told):
    trends = {(one["metric"], one["subject"]): one for one in told.json["trends"]}
    lean = trends["gender.raw_lean", "nurse"]
    assert lean["bounds"] == [{"rule": "Raw lean between -0.4 and 0.4", "low": -0.4, "high": 0.4}]
    values = [one["value"] for one in lean["estimates"]]
    assert values == sorted(values)
    assert all(one["low"] < one["value"] < one["high"] for one in lean["estimates"])


def test_it_is_written_as_page_pdf_and_data(told, runs):
    page = (runs / "history.html").read_text(encoding="utf-8")
    assert page.count('<svg role="img"') == len(
        [t for t in told.json["trends"] if any(e and e["value"] is not None for e in t["estimates"])]
    )
    assert "at most 0.40" in page
    assert (runs / "history.pdf").read_bytes().startswith(b"%PDF")
    stored = json.loads((runs / "history.json").read_text(encoding="utf-8"))
    assert stored == {key: value for key, value in told.json.items() if key not in {"report", "warnings"}}


def test_a_folder_without_a_finished_run_is_refused(cli, tmp_path):
    said = cli("history", tmp_path)
    assert said.code == ExitCode.USAGE
    assert "No finished run" in said.complaint


def test_a_run_is_as_it_was(runs, told):
    read_run(runs / "step-9", finished=True).verify()
