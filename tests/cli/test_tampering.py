"""A run that was touched stays refused, by every command that reads it, and no command makes it look whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from audit.evidence.shards import ShardLabel, encode
from audit.evidence.specs import read_spec, spec_digest
from tests.kept_run import KEPT, POLICY

SCORES = "scores/zero-shot-phantom-judge-90b2cad6/00000.parquet"
IMAGES = "images/00000.parquet"
FILES = {  # one of each kind
    (path.parent.name, path.suffix): str(path.relative_to(KEPT))
    for path in sorted(KEPT.rglob("[!.]*"))
    if path.is_file()
}.values()


@pytest.fixture(scope="module")
def whole(cli, tmp_path_factory) -> Path:
    """A run that today's version decided on."""
    run = shutil.copytree(KEPT, tmp_path_factory.mktemp("whole") / "run")
    assert cli("report", run).code == 3
    return run


def edit(path: Path, change: Callable[[dict], object]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def recorded(run: Path, *names: str) -> None:
    """Mend the record: give ``run.json`` the digests that the files have now."""
    digests = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names}
    edit(run / "run.json", lambda record: record["files"].update(digests))


def value(run: Path, name: str, kind: str, column: str, *, spec: str = "") -> None:
    """Change one value of a shard, and mend the digest of its column."""
    path = run / name
    table = pd.read_parquet(path)
    old = table[column].iloc[0]
    table.loc[0, column] = "another" if isinstance(old, str) else 1e300 if column == "sharpness" else old / 2
    label = ShardLabel(spec=spec or spec_digest(read_spec(run)), kind=kind, name=path.stem)
    path.write_bytes(encode(table, label))


def score(run: Path, *, spec: str = "") -> None:
    value(run, SCORES, "scores/zero_shot:phantom:judge", "woman", spec=spec)


def swap(run: Path, one: str, other: str) -> None:
    first, second = (run / one).read_bytes(), (run / other).read_bytes()
    (run / one).write_bytes(second)
    (run / other).write_bytes(first)


def linked(run: Path, name: str) -> None:
    outside = run.parent / f"{run.name}-outside"
    (run / name).rename(outside)
    (run / name).symlink_to(outside)


def piped(run: Path, name: str) -> None:
    (run / name).unlink()
    os.mkfifo(run / name)


def spec_of_today(run: Path) -> None:
    """Another seed, with the record mended."""
    edit(run / "spec.json", lambda spec: spec.update(seed=7))
    recorded(run, "spec.json")
    edit(run / "run.json", lambda record: record.update(spec=spec_digest(read_spec(run))))


def mended_score(run: Path) -> None:
    score(run)
    recorded(run, SCORES)


def unrecorded_score(run: Path) -> None:
    score(run)
    (run / "run.json").unlink()


WAYS: dict[str, Callable[[Path], object]] = {
    "a score, its column mended": score,
    "a score, column and record mended": mended_score,
    "a score, and no record": unrecorded_score,
    "a quality, its column mended": lambda run: value(run, IMAGES, "images", "sharpness"),
    "the text of a prompt, its column mended": lambda run: value(run, "tables/prompts.parquet", "tables", "text"),
    "scores of another run": lambda run: score(run, spec="0" * 64),
    "two shards swapped": lambda run: swap(run, IMAGES, SCORES),
    "two tables swapped": lambda run: swap(run, "tables/images.parquet", "tables/prompts.parquet"),
    "two reports swapped": lambda run: swap(run, "report.html", "summary.md"),
    "stale findings": lambda run: shutil.copy(KEPT / "findings.json", run / "findings.json"),
    "a stale decision": lambda run: shutil.copy(KEPT / "decision.json", run / "decision.json"),
    "a stale record": lambda run: shutil.copy(KEPT / "run.json", run / "run.json"),
    "a stale spec": lambda run: edit(run / "spec.json", lambda spec: spec.update(seed=7)),
    "a spec and its record": spec_of_today,
    "a record of the future": lambda run: edit(run / "run.json", lambda one: one.update(schema_version=2)),
    "a record of no version": lambda run: edit(run / "run.json", lambda one: one.update(schema_version="x")),
    "a record of version true": lambda run: edit(run / "run.json", lambda one: one.update(schema_version=True)),
    "a record of version 1.0": lambda run: edit(run / "run.json", lambda one: one.update(schema_version=1.0)),
    "a spec of the future": lambda run: edit(run / "spec.json", lambda one: one.update(schema_version=2)),
    "an empty record": lambda run: (run / "run.json").write_bytes(b""),
    "a record without files": lambda run: edit(run / "run.json", lambda one: one.pop("files")),
    "a record that is deep": lambda run: (run / "run.json").write_text("[" * 100_000, encoding="utf-8"),
    "a shard too many": lambda run: shutil.copy(run / IMAGES, run / "images" / "00001.parquet"),
    "a table too many": lambda run: (run / "tables" / "mine.csv").write_text("a\n1\n", encoding="utf-8"),
    "a shard by a link": lambda run: linked(run, IMAGES),
    "a report by a link": lambda run: linked(run, "report.html"),
    "a pipe for a shard": lambda run: piped(run, SCORES),
    "a folder for a table": lambda run: ((run / "tables/images.csv").unlink(), (run / "tables/images.csv").mkdir()),
    **{f"no {name}": lambda run, name=name: (run / name).unlink() for name in (IMAGES, SCORES, "report.pdf")},
}


def flipped(run: Path, name: str) -> None:
    data = bytearray((run / name).read_bytes())
    data[len(data) // 2] ^= 1
    (run / name).write_bytes(bytes(data))


WAYS |= {f"one bit of {name}": lambda run, name=name: flipped(run, name) for name in FILES}


def contents(run: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def commands(run: Path, whole: Path, out: Path) -> list[tuple[object, ...]]:
    policy = out / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")
    return [
        ("gate", run, "--policy", policy),
        ("gate", run, "--policy", policy, "--out", out / "decision"),
        ("gate", run, "--pin"),
        ("report", run),
        ("report", run, "--out", out / "copy"),
        ("judge", run, "--judge", "zero_shot:phantom:judge"),
        ("card", run, "--out", out / "card.md"),
        ("compare", run, whole),
        ("compare", whole, run),
        ("explain", run),
        ("history", run.parent, "--out", out / "history"),
        ("verify", run),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_touched_is_refused_by_every_command_and_left_as_it_is(cli, whole, tmp_path, way):
    run = shutil.copytree(whole, tmp_path / "runs" / "run")
    WAYS[way](run)
    touched = contents(run)
    for words in commands(run, whole, tmp_path):
        said = cli(*words)
        expected = {5}
        if words[0] == "history":
            expected = {2}  # a folder in which every run is refused has none to show
        elif "future" in way:
            expected = {2, 5}
        elif (way == "a score, and no record" and words[0] not in {"judge", "report"}) or "--out" in words:
            expected = {3, 5}  # an unfinished run, which only these two take
        assert said.code in expected, (words, said)
        assert "Traceback" not in said.err
    assert contents(run) == touched
    assert sorted(path.name for path in tmp_path.iterdir() if "outside" not in path.name) == ["policy.toml", "runs"]


def test_at_least_40_ways_are_tried():
    assert len(WAYS) >= 40


def test_a_whole_run_holds_at_every_link(cli, whole):
    said = cli("verify", whole, "--json")
    assert said.code == 0, said.err
    assert said.json["holds"] is True
    assert said.json["digest"] == hashlib.sha256((whole / "run.json").read_bytes()).hexdigest()
    assert all(link["holds"] for link in said.json["links"])


@pytest.mark.parametrize(
    ("way", "broken"),
    [
        ("one bit of report.html", {"record"}),
        ("a score, its column mended", {"record", "decision"}),
        ("a score, column and record mended", {"record", "decision"}),
        ("scores of another run", {"record", "shards", "evidence", "decision"}),
        ("a quality, its column mended", {"record", "decision"}),
    ],
)
def test_verify_says_which_link_is_broken(cli, whole, tmp_path, way, broken):
    run = shutil.copytree(whole, tmp_path / "run")
    WAYS[way](run)
    said = cli("verify", run, "--json")
    assert said.code == 5
    assert {link["name"] for link in said.json["links"] if not link["holds"]} == broken


def test_a_run_that_is_reopened_keeps_what_it_measured(whole, tmp_path):
    from audit.errors import EnvironmentProblem
    from audit.evidence import continue_run

    run = shutil.copytree(whole, tmp_path / "run")
    with continue_run(run) as opened:
        opened.reopen()
    with continue_run(run):
        pass
    score(run)
    with pytest.raises(EnvironmentProblem, match="not as its run left it"):
        continue_run(run)
