"""Histories on the command line: which runs take part, what is written, and what is refused."""

import json
import os
import shutil
import zipfile

import fsspec
import pyarrow.parquet as pq
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


def test_one_run_is_no_history_and_says_what_it_needs(cli, runs, tmp_path):
    shutil.copytree(runs / "step-9", tmp_path / "runs" / "step-9")
    said = cli("history", tmp_path / "runs")
    assert said.code == ExitCode.INCONCLUSIVE
    assert "needs two" in said.complaint
    assert not (tmp_path / "runs" / "history.html").exists()


def test_trends_say_what_became_of_the_answer(told):
    words = {(one["metric"], one["subject"]): one["outcome"] for one in told.json["trends"]}
    assert words["gender.raw_lean", "nurse"] in {"worse", "cannot tell"}
    assert set(words.values()) <= {"worse", "better", "unchanged", "cannot tell"}


def test_an_export_holds_every_finding_of_every_finished_run(cli, runs, tmp_path):
    place = tmp_path / "all.parquet"
    said = cli("history", runs, "--export", place, "--json")
    assert said.code == ExitCode.OK, said.err
    assert said.json["runs"] == 4  # however they were made: another seed too
    assert [one.partition(":")[0] for one in said.json["left_out"]] == ["step-50"]
    rows = pq.read_table(place).to_pylist()
    assert len(rows) == said.json["rows"]
    assert {row["run"] for row in rows} == {"step-9", "step-10", "step-60", "step-100"}
    assert not (tmp_path / "history.html").exists()


@pytest.mark.parametrize(
    "words", [("--export", "table.xlsx"), ("--export", "table.csv", "--policy", "release"), ("--export", "no/a.csv")]
)
def test_an_export_that_cannot_be_is_refused(cli, runs, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert cli("history", runs, *words).code in {ExitCode.USAGE, ExitCode.ENVIRONMENT}
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def behind(runs, tmp_path_factory):
    """The same runs behind URLs, and one whose findings were touched."""
    place = tmp_path_factory.mktemp("behind")
    copied = shutil.copytree(runs, place / "runs", ignore=shutil.ignore_patterns("history.*"))
    touched = shutil.copytree(runs / "step-9", copied / "touched")
    touched.joinpath("findings.json").write_bytes(touched.joinpath("findings.json").read_bytes() + b" ")
    os.utime(copied / "step-9" / "run.json", (1.7e9, 1.7e9))  # 2023-11-14
    with zipfile.ZipFile(place / "runs.zip", "w") as archive:
        for path in sorted(copied.rglob("*")):
            archive.write(path, path.relative_to(place))
        archive.writestr("runs/../../fled/spec.json", "{}")
    fsspec.filesystem("memory").put(str(copied), "/audits", recursive=True)
    return {"file": f"file://{copied}", "zip": f"zip://runs::file://{place}/runs.zip", "memory": "memory://audits"}


@pytest.mark.parametrize("kind", ["file", "zip", "memory"])
def test_runs_behind_a_url_are_exported_as_those_of_a_folder(cli, runs, behind, tmp_path, kind):
    local, remote = tmp_path / "local.parquet", tmp_path / "remote.parquet"
    assert cli("history", runs, "--export", local).code == ExitCode.OK
    said = cli("history", behind[kind], "--export", remote, "--json")
    assert said.code == ExitCode.OK, said.err
    assert [one.partition(":")[0] for one in said.json["left_out"]] == ["step-50", "touched"]
    assert "not as the run left it" in said.json["left_out"][1]
    told, expected = (pq.read_table(path).drop_columns("date") for path in (remote, local))
    assert told.equals(expected)
    if kind != "memory":  # where they were put just now
        dates = {row["run"]: str(row["date"]) for row in pq.read_table(remote).to_pylist()}
        assert dates["step-9"].startswith("2023-11-1")
    assert {path.name for path in tmp_path.iterdir()} == {"local.parquet", "remote.parquet"}


def test_a_page_of_runs_behind_a_url_is_written_where_it_is_said(cli, runs, behind, policy, told, tmp_path):
    said = cli("history", behind["zip"], "--policy", policy, "--out", tmp_path / "page", "--json")
    assert said.code == ExitCode.OK, said.err
    assert said.json["trends"] == told.json["trends"]
    assert {one.partition(":")[0] for one in said.json["left_out"]} == {"step-50", "step-60", "touched"}
    assert (tmp_path / "page" / "history.html").is_file()


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("s3://bucket/runs", ExitCode.ENVIRONMENT, "s3fs"),
        ("zip://runs::gs://me:secret@bucket/runs.zip", ExitCode.ENVIRONMENT, "gcsfs"),
        ("nothing://runs", ExitCode.USAGE, "fsspec"),
        ("memory://not-there", ExitCode.USAGE, "memory://not-there"),
        ("file:///not/there", ExitCode.USAGE, "file:///not/there"),
    ],
)
def test_a_url_that_cannot_be_read_is_said_with_what_it_needs(cli, tmp_path, url, code, told):
    said = cli("history", url, "--export", tmp_path / "table.csv")
    assert said.code == code, said
    assert told in said.complaint
    assert "secret" not in said.out + said.err
    assert not list(tmp_path.iterdir())


def test_a_page_goes_nowhere_behind_a_url(cli, behind):
    said = cli("history", behind["memory"])
    assert said.code == ExitCode.USAGE
    assert "--out" in said.complaint
