"""Settings from a file, how much is said, and which runs there are."""

import json
import os

import pytest

from audit.cli.talk import LOUDNESS, Loudness, Talk
from audit.errors import ExitCode


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["clip-audit.toml", "pyproject.toml"])
def configure(request, folder):
    """Write settings into one of the two files."""

    def write(text: str) -> None:
        head = "" if request.param == "clip-audit.toml" else "[tool.clip-audit]\n"
        tables = text.replace("\n[", "\n[tool.clip-audit.") if head else text
        (folder / request.param).write_text(head + tables, encoding="utf-8")

    return write


def shown(said) -> int:
    return len(said.json["prompts"])


SHOW = ("suites", "show", "phantom/professions", "--json")


def test_a_file_sets_what_a_flag_sets_and_it_is_said(cli, configure):
    configure("\n[suites.show]\nlimit = 2\n")
    said = cli(*SHOW)
    assert shown(said) == 2
    assert "limit = 2" in said.err
    for words in (("--limit", 4), ("--limit=4",)):
        given = cli(*SHOW, *words)
        assert (shown(given), "limit = 2" in given.err) == (4, False)  # it is not said to be taken where it is not
    assert "limit" not in cli("suites", "list").err


def test_a_setting_at_the_top_holds_for_every_command_that_has_the_flag(cli, configure):
    configure('limit = 3\nconcept = "nurse"\n[suites.show]\nconcept = "pilot"\n')
    said = cli(*SHOW)
    assert shown(said) == 3
    assert {one["concept"] for one in said.json["prompts"]} == {"pilot"}
    assert {one["concept"] for one in cli(*SHOW, "--concept", "nurse").json["prompts"]} == {"nurse"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('efort = "quick"\n', "'effort'"),
        ('\n[rum]\neffort = "quick"\n', "'run'"),
        ('\n[run]\nsuites = "x"\n', "'suite'"),
        ("\n[run]\ncolumns = 3\n", "'columns'"),
        ("sequential = 1\n", "true or false"),
        ("effort = true\n", "one text"),
        ("judge = [1]\n", "list of texts"),
        ("waive-sanity = true\n", "--waive-sanity"),
        ("allow-pickle = true\n", "--allow-pickle"),
        ("json = true\n", "--json"),
    ],
)
def test_what_a_file_must_not_hold_is_refused_with_place_and_remedy(cli, configure, text, named):
    configure(text)
    said = cli("suites", "list")
    assert said.code == ExitCode.USAGE
    assert not said.out
    assert "clip-audit" in said.complaint
    assert named in said.complaint
    assert cli("--help").code == 0


def test_a_file_that_is_no_toml_is_refused_if_it_is_ours(cli, folder):
    (folder / "pyproject.toml").write_text("= nothing", encoding="utf-8")
    assert cli("suites", "list").code == 0
    (folder / "clip-audit.toml").write_text("= nothing", encoding="utf-8")
    said = cli("suites", "list")
    assert said.code == ExitCode.USAGE
    assert "clip-audit.toml" in said.complaint


def test_the_checkpoint_of_a_file_gives_way_to_the_one_that_is_named(cli, configure):
    configure('checkpoint = "phantom:of-the-file"\n')
    assert "of-the-file" in cli("run").complaint
    assert "of-the-words" in cli("run", "phantom:of-the-words").complaint
    assert "Two checkpoints" in cli("run", "phantom:a", "--checkpoint", "phantom:b").complaint


def test_quiet_leaves_out_the_way_and_keeps_what_was_asked_for(cli, configure):
    configure("limit = 2\n")
    assert cli(*SHOW).err
    for words in (("--quiet", *SHOW), (*SHOW, "--quiet")):
        said = cli(*words)
        assert not said.err
        assert shown(said) == 2


@pytest.mark.parametrize(
    ("loudness", "heard"),
    [
        (Loudness.QUIET, ["Warning: low"]),
        (Loudness.NORMAL, ["Loading", "Warning: low"]),
        (Loudness.VERBOSE, ["s] Loading", "s] Warning: low"]),
    ],
)
def test_how_loud_a_command_is_decides_what_is_said_along_the_way(capsys, loudness, heard):
    before = LOUDNESS.set(loudness)
    try:
        talk = Talk(as_json=False)
        talk.say("Loading")
        talk.warn("low")
    finally:
        LOUDNESS.reset(before)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(heard)
    assert all(line.endswith(end) for line, end in zip(lines, heard, strict=True))


def test_quiet_keeps_problems_and_verbose_says_where_they_arose(cli):
    assert cli("--quiet", "run", "phantom:nix").complaint
    said = cli("run", "phantom:nix", "--verbose")
    assert said.code == ExitCode.USAGE
    assert "Traceback" in said.err
    assert "early_checks" in said.err


def test_quiet_and_verbose_exclude_each_other(cli):
    said = cli("--quiet", "--verbose", "suites", "list")
    assert said.code == ExitCode.USAGE
    assert "exclude" in said.complaint


def run(folder, name: str, *, finished: bool, **spec: object) -> None:
    place = folder / name
    place.mkdir(parents=True)
    whole = {"schema_version": 1, "checkpoint": {"name": "phantom:skewed"}, "effort": {"name": "quick"}, **spec}
    whole["recipe"] = {"name": "fast"}
    (place / "spec.json").write_text(json.dumps(whole), encoding="utf-8")
    if finished:
        (place / "decision.json").write_text(json.dumps({"verdict": "fail"}), encoding="utf-8")
        (place / "run.json").write_text("{}", encoding="utf-8")


def test_runs_are_listed_with_what_to_do(cli, folder):
    run(folder / "runs", "done", finished=True)
    run(folder / "runs", "begun here", finished=False, seed=3, suite_files=["phantom/names"])
    (folder / "runs" / "stranger").mkdir()
    (folder / "runs" / "torn").mkdir()
    (folder / "runs" / "torn" / "spec.json").write_text("{", encoding="utf-8")
    rows = {row["run"]: row for row in cli("runs", "list", "--json").json["runs"]}
    assert set(rows) == {"runs/begun here", "runs/done", "runs/torn"}
    assert (rows["runs/done"]["state"], rows["runs/done"]["verdict"]) == ("finished", "fail")
    assert "runs/done/report.html" in rows["runs/done"]["next"]
    again = rows["runs/begun here"]
    assert again["state"] == "unfinished"
    assert again["next"] == (
        "clip-audit run --checkpoint phantom:skewed --suite phantom/names --recipe fast --effort quick --seed 3 "
        "--out 'runs/begun here'"
    )
    assert rows["runs/torn"]["state"] == "damaged"
    assert "begun here" in cli("runs", "list", "runs").out


def test_a_folder_without_runs_is_said(cli, folder):
    assert "clip-audit run" in cli("runs", "list").out
    said = cli("runs", "list", "nix")
    assert said.code == ExitCode.USAGE
    assert "nix" in said.complaint


def test_a_suite_is_shown_in_part(cli):
    whole = cli("suites", "show", "phantom/professions", "--json").json["prompts"]
    nurses = cli("suites", "show", "phantom/professions", "--concept", "nurse", "--json").json
    assert {one["concept"] for one in nurses["prompts"]} == {"nurse"}
    assert 0 < len(nurses["prompts"]) < len(whole) == nurses["prompt_count"]
    roles = cli("suites", "show", "phantom/professions", "--role", "subject", "--limit", 3, "--json").json["prompts"]
    assert [one["role"] for one in roles] == ["subject"] * 3
    shown = cli("suites", "show", "phantom/professions", "--limit", 3).out
    assert f"3 of {len(whole):,}" in shown


@pytest.mark.parametrize("words", [("--concept", "nurze"), ("--role", "subjekt")])
def test_a_filter_that_leaves_nothing_names_what_there_is(cli, words):
    said = cli("suites", "show", "phantom/professions", *words)
    assert said.code == ExitCode.USAGE
    assert words[0] in said.complaint
    assert "nurse" in said.complaint or "subject" in said.complaint


def test_threads_wait_asleep_unless_somebody_says_otherwise(cli, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    cli("suites", "list")
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    cli("suites", "list")
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_the_drawing_backend_of_a_notebook_does_not_reach_a_command(cli, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://no_such_backend")  # matplotlib would not even be imported
    assert cli("suites", "list").code == ExitCode.OK
    assert os.environ["MPLBACKEND"] == "agg"
