"""A table over runs: its columns, whom it leaves out, and what a stranger's text can do in it."""

import datetime as dt
import json
import os
import shutil

import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from kept_run import KEPT

from audit.errors import UsageProblem
from audit.evidence import read_findings, spec_digest
from audit.evidence.runs_table import SCHEMA, export_runs


def kept(folder):
    shutil.copytree(KEPT, folder)
    return folder


def rename_checkpoint(run, name):
    """Give a run's checkpoint another name, and seal it anew, as whoever can write the folder can."""
    spec, record = (json.loads((run / file).read_bytes()) for file in ("spec.json", "run.json"))
    spec["checkpoint"]["name"] = name
    record["spec"] = spec_digest(spec)
    (run / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_row_is_a_finding(tmp_path):
    run = kept(tmp_path / "runs" / "one")
    os.utime(run / "run.json", (86_400, 86_400))
    written = export_runs(tmp_path / "runs", tmp_path / "table.parquet")
    table = pq.read_table(tmp_path / "table.parquet")
    assert table.schema.equals(SCHEMA)
    known = read_findings(KEPT / "findings.json")
    assert (written.runs, written.rows) == (1, len(known))
    rows = table.to_pylist()
    told = [(row["suite"], row["concept"], row["metric"], row["estimate"], row["low"], row["high"]) for row in rows]
    assert told == [
        (one.suite, one.subject, one.metric, one.estimate.value, one.estimate.low, one.estimate.high) for one in known
    ]
    spec = json.loads((KEPT / "spec.json").read_bytes())
    assert {(row["checkpoint"], row["digest"], row["run"]) for row in rows} == {
        (spec["checkpoint"]["name"], spec["checkpoint"]["digest"], "one")
    }
    assert {row["date"] for row in rows} == {dt.date(1970, 1, 2)}
    assert {row["decision"] for row in rows} == {"none"}


def cut(run):
    (run / "findings.json").write_bytes((run / "findings.json").read_bytes()[:-200])


def other_spec(run):
    (run / "spec.json").write_text(
        (run / "spec.json").read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8"
    )


BROKEN = {
    "unfinished": lambda run: (run / "run.json").unlink(),
    "findings cut short": cut,
    "findings gone": lambda run: (run / "findings.json").unlink(),
    "another spec": other_spec,
    "no spec": lambda run: (run / "spec.json").write_text("[1]", encoding="utf-8"),
    "of the future": lambda run: (run / "run.json").write_text('{"schema_version": 99}', encoding="utf-8"),
    "a decision of somebody": lambda run: (run / "decision.json").write_text('{"verdict": "pass"}', encoding="utf-8"),
}


def test_broken_runs_are_named_in_a_line_each_and_stop_nothing(tmp_path):
    kept(tmp_path / "runs" / "whole")
    for name, breaks in BROKEN.items():
        breaks(kept(tmp_path / "runs" / name))
    (tmp_path / "runs" / "no run").mkdir()
    written = export_runs(tmp_path / "runs", tmp_path / "table.csv")
    assert written.runs == 1
    assert sorted(one.partition(":")[0] for one in written.left_out) == sorted(BROKEN)
    assert not any("\n" in one for one in written.left_out)
    assert set(arrow_csv.read_csv(tmp_path / "table.csv")["run"].to_pylist()) == {"whole"}


def test_no_text_in_a_csv_is_a_formula(tmp_path):
    rename_checkpoint(kept(tmp_path / "runs" / "one"), "=HYPERLINK(1)")
    export_runs(tmp_path / "runs", tmp_path / "table.csv")
    export_runs(tmp_path / "runs", tmp_path / "table.parquet")
    assert set(arrow_csv.read_csv(tmp_path / "table.csv")["checkpoint"].to_pylist()) == {"'=HYPERLINK(1)"}
    assert set(pq.read_table(tmp_path / "table.parquet")["checkpoint"].to_pylist()) == {"=HYPERLINK(1)"}


def test_without_a_finished_run_the_table_of_before_stays(tmp_path):
    BROKEN["unfinished"](kept(tmp_path / "runs" / "one"))
    place = tmp_path / "table.csv"
    place.write_text("before", encoding="utf-8")
    with pytest.raises(UsageProblem, match="No finished run"):
        export_runs(tmp_path / "runs", place)
    assert place.read_text(encoding="utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "table.csv"]


def test_several_processes_write_the_same_table(tmp_path, monkeypatch):
    for number in range(6):
        kept(tmp_path / "runs" / f"run-{number}")
    BROKEN["unfinished"](tmp_path / "runs" / "run-3")
    alone = export_runs(tmp_path / "runs", tmp_path / "alone.csv")
    monkeypatch.setattr("audit.evidence.runs_table._AT_ONCE", 1)
    monkeypatch.setattr("audit.evidence.runs_table._MANY_PARTS", 2)
    assert export_runs(tmp_path / "runs", tmp_path / "shared.csv") == alone
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "shared.csv").read_bytes()
