"""Budgets on the command line, in a file, and in a plan."""

import pytest

from audit.errors import ExitCode


def planned(run_words):
    return ["plan", *run_words[1:]]


def test_a_run_beyond_its_budget_is_inconclusive_and_goes_on(cli, run_words, run_folder, tmp_path):
    said = cli(*run_words, "--out", tmp_path / "run", "--max-images", 2, "--json")
    assert said.code == said.json["error"]["exit_code"] == ExitCode.INCONCLUSIVE
    assert "--max-images 5" in said.complaint
    assert "0 of 5 images fit into the budget" in said.err
    said = cli(*run_words, "--out", tmp_path / "run", "--max-images", 5, "--max-hours", 9, "--json")
    assert said.json["images"] == 5
    assert (tmp_path / "run" / "findings.json").read_bytes() == (run_folder / "findings.json").read_bytes()


def test_hours_that_are_over_leave_what_was_made(cli, run_words, tmp_path):
    said = cli(*run_words, "--out", tmp_path / "run", "--max-hours", "0.0000001")
    assert said.code == ExitCode.INCONCLUSIVE
    assert "--max-hours" in said.complaint


def test_a_file_names_a_budget_as_a_flag_does(cli, run_words, tmp_path):
    (tmp_path / "clip-audit.toml").write_text("max-images = 4\n[plan]\nmax-hours = 0.5\n", encoding="utf-8")
    assert cli(*run_words, "--out", tmp_path / "run").code == ExitCode.INCONCLUSIVE
    budget = cli(*planned(run_words), "--no-probe", "--json").json["budget"]
    assert (budget["fits"], budget["images"]) == (False, 0)


@pytest.mark.parametrize(("words", "fits"), [(("--max-images", 5), True), (("--max-gradients", 5), False)])
def test_a_plan_says_what_fits(cli, run_words, words, fits):
    said = cli(*planned(run_words), "--no-probe", *words)
    assert said.code == ExitCode.OK
    assert ("fits into the budget" in said.out) == fits
    assert ("exit code 3" in said.out) != fits
    answer = cli(*planned(run_words), "--no-probe", *words, "--json").json
    assert answer["budget"]["fits"] is fits
    assert answer["budget"]["needs"]["images"] == answer["images"]
    assert answer["budget"]["needs"]["gradients"] == answer["image_gradients"]


def test_a_plan_says_whether_the_hours_do(cli, run_words):
    known = cli(*planned(run_words), "--max-hours", 50, "--json").json["budget"]
    assert known["fits"] is True
    assert 0 < known["needs"]["hours"] < 50
    unknown = cli(*planned(run_words), "--max-hours", 50, "--no-probe")
    assert "--no-probe" in unknown.out
    assert cli(*planned(run_words), "--no-probe", "--json").json["budget"] is None


def test_no_budget_is_said_before_anything_is_loaded(cli):
    said = cli("run", "phantom:skewed", "--max-hours", "nan")
    assert said.code == ExitCode.USAGE
    assert "--max-hours" in said.complaint
    assert "Loading" not in said.err
