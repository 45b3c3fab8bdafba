"""The run folder keeps what it is given and refuses what is not its own."""

from __future__ import annotations

import json
import os
import shutil
import stat

import pandas as pd
import pytest

from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence import open_run, read_run

TABLE = pd.DataFrame({"prompt_id": ["aa"], "replicate": [0]})


def test_shards_are_read_in_the_order_of_their_names_not_of_their_writing(run):
    names = [f"{number:04d}" for number in range(200)]
    for name in reversed(names):
        run.write_shard("images", name, TABLE.assign(replicate=int(name)))
    assert run.shard_names("images") == tuple(names)
    assert run.read_shards("images")["replicate"].tolist() == list(range(200))


def test_writing_a_shard_twice_leaves_the_same_bytes(run):
    run.write_shard("images", "0000", TABLE)
    first = run.shard_path("images", "0000").read_bytes()
    run.write_shard("images", "0000", TABLE)
    assert run.shard_path("images", "0000").read_bytes() == first


def test_a_judge_with_a_strange_name_keeps_it_and_gets_a_plain_folder(run):
    kind = "scores/hf:../../x\N{SNOWMAN}/=y"
    run.write_shard(kind, "0000", TABLE)
    assert run.has_shard(kind, "0000")
    assert not run.has_shard("scores/hf-x-y", "0000")
    (folder,) = (run.path / "scores").iterdir()
    assert folder.name.startswith("hf-x-y-")


def test_no_shards_are_an_empty_table(run):
    assert run.shard_names("images") == ()
    assert run.read_shards("images").empty
    assert not run.has_shard("images", "0000")


def test_a_shard_that_was_cut_is_a_problem_at_resume(run):
    run.write_shard("images", "0000", TABLE)
    run.shard_path("images", "0000").write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="damaged"):
        run.has_shard("images", "0000")


def test_a_shard_of_another_run_is_refused(run, tmp_path, spec):
    with open_run(tmp_path / "other", {**spec, "recipe": {"steps": 1}}) as other:
        other.write_shard("images", "0000", TABLE)
    run.write_shard("images", "0001", TABLE)
    shutil.copy(other.shard_path("images", "0000"), run.shard_path("images", "0000"))
    with pytest.raises(UsageProblem, match="another run"):
        run.read_shards("images")
    with pytest.raises(UsageProblem, match="another run"):
        run.has_shard("images", "0000")


def test_a_copy_of_a_shard_under_another_name_is_refused(run):
    run.write_shard("images", "0000", TABLE)
    shutil.copy(run.shard_path("images", "0000"), run.shard_path("images", "0001"))
    with pytest.raises(UsageProblem, match="another place"):
        run.read_shards("images")


def test_shards_with_other_columns_are_not_glued_together(run):
    run.write_shard("images", "0000", TABLE)
    run.write_shard("images", "0001", TABLE.assign(extra=1))
    with pytest.raises(EnvironmentProblem, match="same columns"):
        run.read_shards("images")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x.y", "x" * 100, "a\n"])
def test_shard_names_cannot_leave_the_folder(run, name):
    with pytest.raises(ValueError, match="shard's name"):
        run.write_shard("images", name, TABLE)


@pytest.mark.parametrize("kind", ["", "../x", "Images", "/etc", "scores/", "."])
def test_kinds_cannot_leave_the_folder(run, kind):
    with pytest.raises(ValueError, match="kind of shards"):
        run.write_shard(kind, "0000", TABLE)


@pytest.mark.parametrize(
    "name", ["spec.json", "run.json", "../x.txt", "images/x.png", "x", ".lock", "a.parquet", "a b.txt"]
)
def test_file_names_are_plain_and_not_those_of_the_store(run, name):
    with pytest.raises(ValueError, match="plain name"):
        run.write_text(name, "x")


def test_tables_are_written_for_programs_and_for_spreadsheets(run):
    run.write_tables({"prompts": TABLE.assign(text="=1+1")})
    assert run.has_table("prompts")
    assert run.read_table("prompts")["text"].tolist() == ["=1+1"]
    assert (run.path / "tables" / "prompts.csv").read_text() == '"prompt_id","replicate","text"\n"aa",0,"\'=1+1"\n'


def test_files_and_folders_are_for_their_owner_only(full_run):
    full_run.write_bytes("figures/lean.svg", b"<svg/>")
    modes = {
        path.relative_to(full_run.path): stat.S_IMODE(path.stat().st_mode)
        for path in [full_run.path, *full_run.path.rglob("*")]
    }
    assert not {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}


def test_a_finished_run_lists_the_digests_of_all_files_and_is_verified(full_run):
    assert not full_run.is_finished
    full_run.finish()
    assert full_run.is_finished
    full_run.verify()
    listed = set(json.loads((full_run.path / "run.json").read_text())["files"])
    on_disk = {str(path.relative_to(full_run.path)) for path in full_run.path.rglob("*") if path.is_file()}
    assert on_disk - listed == {"run.json", ".lock"}
    assert listed <= on_disk


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: (path / "findings.json").write_text("{}"), r"findings.json \(changed\)"),
        (lambda path: (path / "tables" / "prompts.csv").unlink(), r"prompts.csv \(missing\)"),
        (lambda path: (path / "images" / "0009.parquet").write_bytes(b""), r"0009.parquet \(added\)"),
        (lambda path: (path / "run.json").write_text('{"schema_version": 1}'), "does not belong"),
        (lambda path: (path / "run.json").write_text("{}"), "schema_version"),
        (lambda path: (path / "run.json").write_text(""), "damaged"),
        (lambda path: (path / "run.json").unlink(), "failed"),
    ],
)
def test_a_run_that_was_tampered_with_is_not_verified(full_run, change, words):
    full_run.finish()
    change(full_run.path)
    with pytest.raises(EnvironmentProblem, match=words):
        full_run.verify()


def test_a_note_beside_the_report_does_no_harm(full_run):
    full_run.finish()
    (full_run.path / "notes.txt").write_text("seen by me")
    full_run.verify()


def test_a_finished_run_is_not_written_to_before_it_is_reopened(full_run):
    full_run.finish()
    for write in (
        lambda: full_run.write_text("summary.md", "x"),
        lambda: full_run.write_shard("images", "0000", TABLE),
        full_run.finish,
    ):
        with pytest.raises(RuntimeError, match="reopen"):
            write()
    full_run.reopen()
    assert not full_run.is_finished
    full_run.write_text("summary.md", "x")
    full_run.finish()
    full_run.verify()


def test_a_reader_cannot_write(full_run):
    reader = read_run(full_run.path)
    for write in (lambda: reader.write_text("a.md", "x"), lambda: reader.write_tables({"t": TABLE}), reader.reopen):
        with pytest.raises(RuntimeError, match="reading only"):
            write()


def test_a_run_folder_that_vanishes_is_not_made_again(run):
    shutil.rmtree(run.path)
    with pytest.raises(EnvironmentProblem, match="still exists"):
        run.write_shard("images", "0000", TABLE)
    assert not run.path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said_to_be_one(run):
    run.path.chmod(0o500)
    try:
        with pytest.raises(EnvironmentProblem, match="writable"):
            run.write_shard("images", "0000", TABLE)
    finally:
        run.path.chmod(0o700)
