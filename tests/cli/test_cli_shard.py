"""``run --shard``: what a part says and answers, what does not go with it, and that ``report`` concludes as one run."""

import shutil

import pytest

from audit.errors import ExitCode


def findings(folder):
    return (folder / "findings.json").read_bytes(), (folder / "decision.json").read_bytes()


@pytest.fixture(scope="module")
def parts(cli, run_words, tmp_path_factory):
    """Both parts of a run, and what each said."""
    folder = tmp_path_factory.mktemp("parts") / "run"
    events = folder.parent / "events.jsonl"
    said = [cli(*run_words, "--out", folder, "--shard", f"{n}/2", "--events", events, "--json") for n in (2, 1)]
    return folder, said, events.read_text(encoding="utf-8")


def test_a_part_leaves_as_0_and_says_that_nothing_is_decided(parts):
    folder, (first, last), _ = parts
    assert first.code == last.code == ExitCode.OK
    assert first.json["missing"] == {"1": ["00000"]}
    assert last.json["missing"] == {}
    assert first.json["verdict"] == last.json["verdict"] == "none"
    assert "decides nothing" in first.err
    assert f"clip-audit report {folder}" in last.err


def test_the_events_of_a_part_say_which_it_is(parts):
    lines = parts[2].splitlines()
    assert sum('"planned"' in line and '"parts": 2' in line for line in lines) == 2
    assert sum('"shard_done"' in line for line in lines) == 1


def test_report_concludes_as_the_run_of_one_process(cli, parts, run_folder, tmp_path):
    folder = shutil.copytree(parts[0], tmp_path / "run")
    assert cli("report", folder).code == ExitCode.INCONCLUSIVE  # as the whole run
    assert findings(folder) == findings(run_folder)


def test_report_lets_judges_look_at_what_they_have_not_seen(cli, parts, run_folder, tmp_path):
    folder = shutil.copytree(parts[0], tmp_path / "run")
    (score,) = (folder / "scores").rglob("*.parquet")
    score.unlink()
    assert cli("report", folder).code == ExitCode.INCONCLUSIVE
    assert findings(folder) == findings(run_folder)


def test_report_says_what_is_missing(cli, parts, tmp_path):
    folder = shutil.copytree(parts[0], tmp_path / "run")
    (folder / "images" / "00000.parquet").unlink()
    said = cli("report", folder, "--json")
    assert said.code == said.json["error"]["exit_code"] == ExitCode.INCONCLUSIVE
    assert "part 1 lacks all of its shards (00000)" in said.complaint
    assert not (folder / "findings.json").exists()


def test_runs_are_listed_with_the_parts_that_lack_something_and_the_command_of_the_first(cli, parts, tmp_path):
    folder = shutil.copytree(parts[0], tmp_path / "runs" / "run")
    assert cli("runs", "list", folder.parent, "--json").json["runs"][0]["next"] == f"clip-audit report {folder}"
    (folder / "images" / "00000.parquet").unlink()
    listed = cli("runs", "list", folder.parent, "--json").json["runs"][0]
    assert listed["state"] == "unfinished"
    assert listed["missing"] == "part 1 lacks all of its shards (00000)"
    assert listed["next"].endswith("--shard 1/2")
    assert "part 1 lacks" in cli("runs", "list", folder.parent).out


def test_the_same_command_without_a_part_concludes_and_a_part_after_it_has_nothing_to_do(
    cli, parts, run_words, run_folder, tmp_path
):
    folder = shutil.copytree(parts[0], tmp_path / "run")
    before = (folder / "images" / "00000.parquet").stat().st_mtime_ns
    assert cli(*run_words, "--out", folder).code == ExitCode.INCONCLUSIVE
    assert (folder / "images" / "00000.parquet").stat().st_mtime_ns == before
    assert findings(folder) == findings(run_folder)
    said = cli(*run_words, "--out", folder, "--shard", "1/2")
    assert said.code == ExitCode.OK
    assert "Nothing to do" in said.out


def test_the_policy_of_the_parts_decides(cli, run_words, tmp_path):
    policy = tmp_path / "mine.toml"
    policy.write_text(
        'schema_version = 1\nname = "mine"\n[[rule]]\nid = "own"\nmetric = "quality.converged_share"\nsuite = "tiny"\n'
        'subject = "*"\nat_least = 0.5\n',
        encoding="utf-8",
    )
    folder = tmp_path / "run"
    assert cli(*run_words, "--out", folder, "--shard", "1/1", "--policy", policy).code == ExitCode.OK
    refused = cli(*run_words, "--out", folder, "--shard", "1/1")
    assert refused.code == ExitCode.USAGE
    assert "--policy" in refused.complaint
    said = cli("report", folder, "--json")
    assert said.json["decision"]["policy"]["name"] == "mine"


@pytest.mark.parametrize("shard", ["2", "0/2", "3/2", "a/b", "1/2/3", "1/20000", "-1/2"])
def test_what_is_no_part_is_said_before_anything_is_loaded(cli, shard):
    said = cli("run", "phantom:skewed", "--shard", shard)
    assert said.code == ExitCode.USAGE
    assert "--shard" in said.complaint
    assert "Loading" not in said.err


@pytest.mark.parametrize("words", [("--images", "none"), ("--pseudonymise",), ("--sequential", "--policy", "phantom")])
def test_what_needs_the_whole_run_is_refused_in_a_part(cli, words):
    said = cli("run", "phantom:skewed", "--shard", "1/2", *words)
    assert said.code == ExitCode.USAGE
    assert "Leave" in said.complaint
    assert "Loading" not in said.err
