"""Commands that only look: suites, phantoms, the machine."""

import subprocess
import sys

import pytest

import audit.judges
from audit.errors import EnvironmentProblem, ExitCode
from audit.lenses import metric_cards
from audit.phantom.phantom_folder import read_phantom_world
from audit.phantom.world import read_world


def test_suites_are_listed(cli):
    said = cli("suites", "list")
    assert said.code == ExitCode.OK
    assert "phantom/professions" in said.out
    names = [suite["suite"] for suite in cli("suites", "list", "--json").json["suites"]]
    assert all(name in said.out for name in names)


def test_a_suite_is_shown_as_text_whatever_it_holds(cli, suite, tmp_path):
    marked = tmp_path / "marked.toml"
    marked.write_text(suite.read_text().replace("a photo of", "[bold]a photo[/bold] :smile: of"), encoding="utf-8")
    said = cli("suites", "show", marked)
    assert "[bold]a photo[/bold] :smile: of a nurse" in said.out
    assert len(cli("suites", "show", marked, "--json").json["prompts"]) == 3


def test_a_sound_suite_passes_its_check(cli, suite):
    said = cli("suites", "check", suite)
    assert said.code == ExitCode.OK
    assert "3 prompts" in said.out
    assert cli("suites", "check", suite, "--json").json["ok"] is True


def test_every_metric_is_listed(cli):
    listed = cli("suites", "metrics", "--json").json["metrics"]
    assert [metric["name"] for metric in listed] == [card.name for card in metric_cards()]


def test_truth_is_exactly_what_was_planted(cli, phantom, world):
    planted = cli("phantom", "truth", phantom, "--json").json
    assert planted == read_world(world).truth
    assert planted["professions"] == {"nurse": {"man": 0.1}, "pilot": {"man": 0.9}}
    assert "0.10" in cli("phantom", "truth", phantom).out


def test_a_seed_and_epochs_replace_those_of_the_world(trained, phantom):
    assert read_phantom_world(str(phantom)).training.seed == trained.json["seed"] == 3
    assert trained.json["epochs"] == 1
    assert "training (steps): 4 of 4" in trained.err


def test_shipped_phantoms_are_listed(cli):
    answer = cli("phantom", "list", "--json").json
    assert all(one["checkpoint"] == f"phantom:{one['name']}" for one in answer["phantoms"])
    assert cli("phantom", "list").code == ExitCode.OK


@pytest.mark.parametrize("kind", ["world", "phantom"])
def test_a_sheet_is_drawn_of_a_world_and_of_a_phantom(program, request, tmp_path, kind):
    said = program("phantom", "sheet", request.getfixturevalue(kind), "--out", "sheet.png", "--columns", 2)
    assert said.code == ExitCode.OK, said.err
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_the_doctor_names_what_there_is(cli):
    said = cli("doctor", "--json")
    checks = {check["name"]: check for check in said.json["checks"]}
    assert {"device", "cores", "memory", "disk", "precision", "torch", "typst", "judge nudenet", "network"} <= set(
        checks
    )
    assert {checks[f"judge {name}"]["state"] for name in ("faces", "nsfw", "nudenet")} == {"ok"}
    assert said.code == (ExitCode.OK if said.json["ok"] else ExitCode.ENVIRONMENT)


def test_the_doctor_says_how_to_get_what_is_missing(cli, monkeypatch):
    def missing(name, **_more):
        raise EnvironmentProblem(f"{name} is not there.", remedy="Install it.")

    monkeypatch.setattr(audit.judges, "load_judge", missing)
    said = cli("doctor")
    assert said.code == ExitCode.ENVIRONMENT
    assert "judge nudenet: Install it." in said.out


@pytest.mark.parametrize("words", [["suites", "show", "professions"], ["suites", "list", "--json"], ["--help"]])
def test_a_reader_who_closes_stdout_early_is_no_error(words):
    program = "import sys, time; from audit.__main__ import main; time.sleep(0.3); sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0, errors
    assert not errors


def test_memory_is_what_linux_says_and_its_silence_is_no_fault(tmp_path):
    from audit.cli.doctor import _memory

    told = tmp_path / "meminfo"
    told.write_text("MemTotal:       8000000 kB\nMemFree: 1 kB\nMemAvailable:    1000000 kB\n", encoding="ascii")
    assert (_memory(told).state, _memory(told).found) == ("low", "1.0 GB free of 8.2 GB")
    assert _memory(tmp_path / "nowhere").state == "ok"
