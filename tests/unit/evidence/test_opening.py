"""Who may open a run folder, and what is said to the others."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import continue_run, open_run, read_run


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_new_run_has_its_spec_first_and_belongs_to_its_owner(tmp_path, spec):
    with open_run(tmp_path / "deep" / "run", spec) as run:
        assert json.loads((run.path / "spec.json").read_text()) == spec
        assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
        assert set(names_in(run.path)) == {"spec.json", ".lock"}


def test_the_same_spec_continues_the_run_whatever_the_order_of_its_keys(run, spec):
    run.close()
    with open_run(run.path, dict(reversed(spec.items()))) as again:
        assert again.spec_digest == run.spec_digest


def test_another_spec_is_refused_by_the_names_of_its_keys(run, spec):
    run.close()
    other = {**spec, "recipe": {"steps": 800, "views": 8}, "shard_size": 64}
    with pytest.raises(UsageProblem) as caught:
        open_run(run.path, other)
    assert "recipe.steps (400 there, 800 asked for)" in caught.value.what
    assert "shard_size (asked for, but not there)" in caught.value.what
    assert "views" not in caught.value.what
    assert "--out" in caught.value.remedy
    with open_run(run.path, spec):
        pass  # the refusal has let go of the lock


def test_a_checkpoint_by_another_name_is_the_same_run_and_by_another_digest_it_is_not(run, spec):
    run.close()
    by_path = {**spec, "checkpoint": {**spec["checkpoint"], "name": "some/other/path"}}
    with open_run(run.path, by_path) as again:
        assert again.spec == spec
        assert again.spec_digest == run.spec_digest
    other = {**by_path, "checkpoint": {**by_path["checkpoint"], "digest": "e" * 64}}
    with pytest.raises(UsageProblem, match=r"checkpoint\.digest"):
        open_run(run.path, other)


def test_suites_that_were_asked_for_in_other_words_are_the_same_run(run, spec):
    run.close()
    with open_run(run.path, {**spec, "suite_files": ["by/path.toml"], "left_out": ["Not asked: others."]}) as again:
        assert again.spec == spec


def test_true_is_not_one_and_long_differences_are_cut(run, spec):
    run.close()
    many = {f"k{number}": "x" * 500 for number in range(20)}
    with pytest.raises(UsageProblem) as caught:
        open_run(run.path, {**spec, "recipe": {"steps": 400, "views": True}, **many})
    assert "and 15 more" in caught.value.what
    assert len(caught.value.what) < 1000


def test_a_second_driver_is_refused(run, spec):
    with pytest.raises(EnvironmentProblem, match="Another clip-audit process"):
        open_run(run.path, spec)
    assert read_run(run.path).spec == spec


def test_a_second_driver_in_another_process_is_refused(run):
    script = (
        "import sys; from pathlib import Path\n"
        "from audit.evidence import continue_run; from audit.errors import EnvironmentProblem\n"
        "try: continue_run(Path(sys.argv[1]))\n"
        "except EnvironmentProblem: sys.exit(5)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(run.path)], check=False)
    assert done.returncode == 5


def test_a_lock_file_that_nobody_holds_is_no_lock(run, spec):
    run.close()
    assert (run.path / ".lock").exists()
    with continue_run(run.path) as again:
        assert again.spec == spec


def test_what_a_killed_process_left_is_removed(run):
    (run.path / "images").mkdir()
    (run.path / "images" / ".tmp-left").write_bytes(b"half")
    run.close()
    with continue_run(run.path):
        assert names_in(run.path / "images") == []


def test_a_folder_with_other_things_is_left_alone(tmp_path, spec):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageProblem, match=r"not a run folder: it holds 'thesis.tex'"):
        open_run(tmp_path, spec)
    assert names_in(tmp_path) == ["thesis.tex"]


def test_a_file_is_not_a_folder(tmp_path, spec):
    (tmp_path / "x").write_text("x")
    with pytest.raises(UsageProblem, match="is a file"):
        open_run(tmp_path / "x", spec)
    with pytest.raises(EnvironmentProblem, match="Making the run folder"):
        open_run(tmp_path / "x" / "run", spec)


@pytest.mark.parametrize("read", [read_run, continue_run])
def test_what_is_no_run_folder_is_called_so(tmp_path, read):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageProblem, match="not a run folder"):
            read(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff", '{"schema_version": "1"}', "{}", "[" * 100_000])
def test_a_damaged_spec_is_called_so(run, text):
    run.close()
    (run.path / "spec.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    for read in (read_run, continue_run):
        with pytest.raises(EnvironmentProblem, match="damaged"):
            read(run.path)


def test_a_run_of_a_newer_version_is_not_read(run, spec):
    run.close()
    (run.path / "spec.json").write_text(json.dumps({**spec, "schema_version": 2}))
    for read in (read_run, lambda path: open_run(path, spec)):
        with pytest.raises(UsageProblem, match=r"newer|other settings"):
            read(run.path)


def test_an_unfinished_run_is_inconclusive_where_a_finished_one_is_needed(full_run):
    with pytest.raises(InconclusiveProblem, match="not finished"):
        read_run(full_run.path, finished=True)
    full_run.finish()
    assert read_run(full_run.path, finished=True).is_finished


@pytest.mark.parametrize("text", ["", "{}", '{"spec": "other"}'])
def test_a_damaged_end_is_no_end(full_run, text):
    (full_run.path / "run.json").write_text(text)
    with pytest.raises(EnvironmentProblem, match=r"damaged|belong"):
        read_run(full_run.path, finished=True)


def test_a_spec_without_our_version_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(ValueError, match="schema_version 1"):
        open_run(tmp_path / "run", {})
    assert not (tmp_path / "run").exists()
