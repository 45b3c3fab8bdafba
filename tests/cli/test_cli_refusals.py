"""What goes wrong ends in one paragraph, the right exit code, and one object where one was asked for."""

import dataclasses
import errno

import pytest

import audit.pipeline
from audit.errors import ExitCode
from audit.records import Decision, Verdict

USAGE = {
    "no such command": ("nix",),
    "no such option": ("run", "--nix"),
    "no checkpoint": ("run",),
    "two checkpoints": ("run", "phantom:a", "--checkpoint", "phantom:b"),
    "unknown phantom": ("run", "phantom:nix"),
    "missing checkpoint folder": ("run", "not/there"),
    "unknown effort": ("run", "phantom:nix", "--effort", "huge"),
    "unknown recipe": ("run", "phantom:nix", "--recipe", "huge"),
    "unknown suite": ("run", "phantom:nix", "--suite", "nix"),
    "missing suite file": ("suites", "check", "nix.toml"),
    "suite that is not there": ("suites", "show", "professionz"),
    "missing world": ("phantom", "train", "nix.toml", "--out", "x"),
    "too many epochs": ("phantom", "train", "nix.toml", "--out", "x", "--epochs", "201"),
    "no folder for a phantom": ("phantom", "train", "nix.toml"),
    "truth of nothing": ("phantom", "truth", "nix"),
    "sheet of nothing": ("phantom", "sheet", "nix"),
    "sheet that is no png": ("phantom", "sheet", "skewed", "--out", "sheet.exe"),
    "sheet with a negative seed": ("phantom", "sheet", "skewed", "--seed", "-1"),
    "calibration on no world": ("phantom", "calibrate", "--worlds", "0"),
    "calibration of an unknown effort": ("phantom", "calibrate", "--effort", "huge"),
    "calibration with a negative seed": ("phantom", "calibrate", "--seed", "-1"),
    "calibration on a world that is none": ("phantom", "calibrate", "--world", "nix.toml"),
    "calibration on a phantom that is none": ("phantom", "calibrate", "--take", "nix"),
    "calibration on a folder that is no phantom": ("phantom", "calibrate", "--take", "."),
    "calibration on one phantom twice": ("phantom", "calibrate", "--take", "skewed", "--take", "phantom:skewed"),
    "no text": ("invert",),
    "no steps": ("invert", "a nurse", "--steps", "0"),
    "missing run": ("report", "nix"),
    "missing run to compare": ("compare", "nix", "nix"),
    "nothing to compare with": ("compare", "nix"),
    "run to judge that is none": ("judge", ".", "--judge", "nudenet"),
    "no judge": ("judge", "."),
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_wrong_use_exits_2_with_one_paragraph(cli, words):
    said = cli(*words)
    assert said.code == ExitCode.USAGE, said.err
    assert not said.out
    assert len(said.complaint) > 20


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_wrong_use_answers_programs_with_one_object(cli, words):
    error = cli(*words, "--json").json["error"]
    assert error["exit_code"] == ExitCode.USAGE
    assert error["what"]
    assert error["remedy"]


def test_a_suite_error_names_file_line_and_remedy(cli, suite, tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text(suite.read_text().replace("{a_profession}", "{a_job}"), encoding="utf-8")
    said = cli("suites", "check", broken)
    assert said.code == ExitCode.USAGE
    assert f"{broken}, line 16" in said.complaint
    assert "profession" in said.complaint


def test_a_word_that_a_phantom_does_not_know_is_an_error_of_a_phantom_suite(cli, suite, phantom, tmp_path):
    other = tmp_path / "other.toml"
    text = suite.read_text().replace('"pilot"', '"astronaut"')
    other.write_text(text.replace('name = "tiny"', 'name = "phantom_tiny"'), encoding="utf-8")
    said = cli("suites", "check", other, "--checkpoint", phantom, "--waive-sanity", "--json")
    assert said.code == ExitCode.USAGE
    assert said.json["ok"] is False
    assert "line 16" in said.json["problems"][0]
    assert "'astronaut'" in said.json["problems"][0]
    other.write_text(text, encoding="utf-8")
    said = cli("suites", "check", other, "--checkpoint", phantom, "--waive-sanity", "--json")
    assert said.code == ExitCode.OK
    assert "'astronaut'" in said.json["warnings"][0]


def test_a_prompt_that_is_too_long_is_found_with_its_line(cli, suite, phantom, tmp_path):
    long = tmp_path / "long.toml"
    long.write_text(suite.read_text().replace("a photo of", "a photo" + " of" * 30), encoding="utf-8")
    said = cli("suites", "check", long, "--checkpoint", phantom, "--waive-sanity")
    assert said.code == ExitCode.USAGE
    assert f"{long}, line 16" in said.err
    assert "tokens" in said.err


def test_a_checkpoint_that_does_not_work_is_refused(cli, phantom, suite):
    said = cli("run", phantom, "--suite", suite)
    assert said.code == ExitCode.REFUSED
    assert said.complaint


def test_a_folder_that_cannot_be_made_is_the_environment(cli, run_words, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = cli(*run_words, "--out", tmp_path / "file" / "run")
    assert said.code == ExitCode.ENVIRONMENT
    assert "--out" in said.complaint or "folder" in said.complaint


def test_a_folder_with_another_run_is_refused(cli, run_words, run_folder):
    said = cli(*run_words, "--out", run_folder, "--seed", 1)
    assert said.code == ExitCode.USAGE
    assert "seed (0 there, 1 asked for)" in said.complaint


def test_a_phantom_is_not_written_over_something_else(cli, world, tmp_path):
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    assert "not empty" in cli("phantom", "train", world, "--out", tmp_path).complaint


def test_a_world_with_less_than_one_batch_is_refused(cli, world, tmp_path):
    small = tmp_path / "small.toml"
    small.write_text(world.read_text().replace("batch = 16", "batch = 128"), encoding="utf-8")
    said = cli("phantom", "train", small, "--out", tmp_path / "out")
    assert said.code == ExitCode.USAGE
    assert "batch" in said.complaint


def raising(error):
    def fail(*_args, **_more):
        raise error

    return fail


@pytest.mark.parametrize("error", [RuntimeError("oh\x1b[31m no"), KeyError(1), SystemExit(1), GeneratorExit()])
def test_a_bug_exits_70_and_says_so(cli, run_folder, monkeypatch, error):
    monkeypatch.setattr(audit.pipeline, "report_again", raising(error))
    said = cli("report", run_folder, "--json")
    assert said.code == ExitCode.BUG
    assert "Traceback" in said.err
    assert "bug of clip-audit" in said.err
    assert "\x1b" not in said.err
    assert said.json["error"]["exit_code"] == ExitCode.BUG


def chained(inner):
    """What a library makes of an error of the system."""
    error = ValueError("cannot load")
    error.__cause__ = inner
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        BrokenPipeError(errno.EPIPE, "elsewhere"),
        ImportError("cannot open shared object file"),
        chained(OSError(errno.EMFILE, "Too many open files")),
        *(OSError(number, "said") for number in (errno.ENOSPC, errno.EMFILE, errno.EROFS, errno.ELOOP, errno.ESTALE)),
    ],
)
def test_what_the_machine_lacks_is_the_environment(cli, run_folder, monkeypatch, error):
    monkeypatch.setattr(audit.pipeline, "report_again", raising(error))
    said = cli("report", run_folder)
    assert said.code == ExitCode.ENVIRONMENT
    assert said.complaint


def test_a_failed_gate_exits_1(cli, run_folder, monkeypatch):
    again = audit.pipeline.report_again

    def failed(folder, progress, **more):
        decision = Decision(verdict=Verdict.FAIL, results=())
        return dataclasses.replace(again(folder, progress, **more), decision=decision)

    monkeypatch.setattr(audit.pipeline, "report_again", failed)
    said = cli("report", run_folder)
    assert said.code == ExitCode.GATE_FAILED
    assert said.out.startswith("Fail:")


def test_text_from_outside_is_neither_markup_nor_control(cli, monkeypatch):
    said = cli("phantom", "sheet", "[red]x[/red]\x1b[31m\u202e.toml")
    assert said.code == ExitCode.USAGE
    assert "[red]x[/red]\\x1b[31m\\u202e.toml" in said.complaint
