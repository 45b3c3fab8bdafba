"""Comparisons on the command line: what they say, what they answer, and what they refuse."""

import json
import shutil

import pytest
from run_folders import write_run
from worlds import World, add_controls, seen

from audit.errors import ExitCode

MARKUP = "[red]nurse[/red] \x1b[31m"


def world(lean: float) -> World:
    made = World()
    for number in range(6):
        for concept, more in ((MARKUP, 0.01 * (number % 3)), ("pilot", 0.03 * (number % 2))):
            made.ask(concept, seen("man", signed=lean * (1 + more) + 0.05 * number), template=f"{number} {{x}}")
    add_controls(made, templates=2)
    return made


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    leans = {"baseline": 0.1, "candidate": 0.5}
    return {name: write_run(place / name, world(lean).evidence(), pictures=name) for name, lean in leans.items()}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "changes"


@pytest.fixture(scope="module")
def compared(cli, runs, kept):
    return cli("compare", runs["baseline"], runs["candidate"], "--out", kept, "--json")


def test_a_comparison_answers_with_one_object_and_talks_on_stderr(compared):
    assert compared.code == ExitCode.OK, compared.err
    answer = compared.json
    assert answer["conclusive"] is True
    assert answer["counts"]["worse"] > 0
    assert answer["changes"][0]["outcome"] == "worse"
    assert "worse" in compared.err
    assert "Compared: of " in compared.err


def test_the_names_of_suites_are_shown_as_text(compared):
    assert "[red]nurse[/red]" in compared.err
    assert "\x1b" not in compared.err


def test_the_folder_holds_what_was_answered(compared, kept):
    stored = json.loads((kept / "changes.json").read_text(encoding="utf-8"))
    assert stored == {key: value for key, value in compared.json.items() if key != "folder"}
    page = (kept / "summary.md").read_text(encoding="utf-8")
    assert page.startswith("# Comparison of double with double\n")
    assert "## Worse" in page
    assert r"\[red\]nurse\[/red\]" in page
    assert (kept / "tables" / "changes.csv").is_file()


def test_the_folder_holds_the_comparison_as_page_and_pdf(compared, kept):
    page = (kept / "report.html").read_text(encoding="utf-8")
    assert "worse" in page
    assert '<svg role="img"' in page
    assert "[red]nurse[/red]" in page
    assert (kept / "report.pdf").read_bytes().startswith(b"%PDF")
    assert 'href="explore.html"' in page
    assert "[red]nurse[/red]" in (kept / "explore.html").read_text(encoding="utf-8")


def test_without_json_the_table_is_on_stdout(cli, runs):
    said = cli("compare", runs["baseline"], runs["baseline"])
    assert said.code == ExitCode.OK
    assert "0 worse, 0 better" in said.out
    assert "comparing" in said.err


def test_runs_that_cannot_be_compared_exit_2_with_every_difference(cli, runs, tmp_path):
    other = write_run(tmp_path / "other", world(0.1).evidence(), seed=1, effort={"name": "full", "templates": 12})
    said = cli("compare", runs["baseline"], other)
    assert said.code == ExitCode.USAGE
    for found in ("seed (0 in the baseline, 1 in the candidate)", "effort.name", "effort.templates"):
        assert found in said.complaint


def test_an_unfinished_run_exits_3_and_a_damaged_one_5(cli, runs, tmp_path):
    unfinished = write_run(tmp_path / "unfinished", world(0.1).evidence(), finish=False)
    assert cli("compare", runs["baseline"], unfinished).code == ExitCode.INCONCLUSIVE
    damaged = shutil.copytree(runs["candidate"], tmp_path / "damaged")
    (damaged / "tables" / "prompts.csv").write_text("nothing", encoding="utf-8")
    assert cli("compare", runs["baseline"], damaged).code == ExitCode.ENVIRONMENT


def test_failed_controls_exit_3_whatever_else_is_found(cli, run_folder):
    said = cli("compare", run_folder, run_folder, "--json")
    assert said.code == ExitCode.INCONCLUSIVE
    assert said.json["conclusive"] is False
    assert any("control failed" in doubt for doubt in said.json["doubts"])
    assert "Inconclusive" in said.err


def test_a_run_folder_is_not_written_over(cli, runs):
    said = cli("compare", runs["baseline"], runs["candidate"], "--out", runs["baseline"])
    assert said.code == ExitCode.USAGE
    assert "no comparison" in said.complaint


@pytest.mark.parametrize("words", [("--margin", "0"), ("--level", "95"), ("--margin", "nan")])
def test_settings_out_of_range_exit_2(cli, runs, words):
    assert cli("compare", runs["baseline"], runs["candidate"], *words).code == ExitCode.USAGE


@pytest.fixture(scope="module")
def third(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("third") / "third", world(0.7).evidence(), pictures="third")


@pytest.fixture(scope="module")
def several(cli, runs, third, tmp_path_factory):
    out = tmp_path_factory.mktemp("several") / "over"
    said = cli(
        "compare", runs["baseline"], runs["candidate"], third, "--scale", "1000,4000,16000", "--out", out, "--json"
    )
    return said, out


@pytest.mark.slow
def test_three_runs_have_a_trend_and_two_comparisons(several):
    said, _ = several
    assert said.code == ExitCode.OK, said.err
    lean = next(one for one in said.json["trends"] if one["metric"] == "gender.raw_lean")
    assert lean["slope"]["value"] > 0
    assert [one["value"] for one in lean["values"]] == sorted(one["value"] for one in lean["values"])
    assert said.json["axis"]["labels"] == ["1,000", "4,000", "16,000"]
    assert len(said.json["comparisons"]) == 2
    assert "Over 3 checkpoints" in said.err


def test_the_folder_of_many_runs_holds_the_table_its_figure_and_the_pairs(several):
    said, out = several
    stored = json.loads((out / "trends.json").read_text(encoding="utf-8"))
    assert stored == {key: value for key, value in said.json.items() if key != "folder"}
    assert (out / "summary.md").read_text(encoding="utf-8").startswith("# Over checkpoints\n")
    assert (out / "scale.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (out / "tables" / "trends.csv").is_file()
    assert [path.name for path in sorted((out / "pairs").iterdir())] == ["2-with-1", "3-with-1"]


def test_a_comparison_of_two_is_no_folder_for_one_of_many(cli, runs, third, kept, compared):
    assert compared.code == ExitCode.OK
    said = cli("compare", runs["baseline"], runs["candidate"], third, "--out", kept)
    assert said.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--scale", "1000,4000"), "at least 3 runs"),
        (("third", "--scale", "1000,4000"), "one number above 0"),
        (("third", "--scale", "few,many,most"), "no list of numbers"),
    ],
)
def test_a_scale_that_does_not_fit_exits_2(cli, runs, third, words, why):
    more = [third if word == "third" else word for word in words]
    said = cli("compare", runs["baseline"], runs["candidate"], *more)
    assert said.code == ExitCode.USAGE
    assert why in said.complaint
