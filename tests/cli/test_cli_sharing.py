"""What of a run is shown, on the command line: typed confirmations, pseudonyms, and where copies lie."""

import hashlib
import io
import json
import shutil

import pytest
from kept_run import KEPT, POLICY
from run_folders import write_run
from worlds import World, add_controls, seen

from audit.cli.options import SENTENCE
from audit.errors import ExitCode


@pytest.fixture
def run(tmp_path):
    world = World()
    for number in range(4):
        world.ask("Fenn Ilko", seen("man", unsafe=0.9), template=f"{number} {{thing}}", group="figure", lens="nsfw")
    add_controls(world, templates=2)
    return write_run(tmp_path / "run", world.evidence())


@pytest.fixture
def kept(tmp_path):
    return shutil.copytree(KEPT, tmp_path / "kept")


def answer(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_pseudonyms_hold_in_the_copy_and_in_what_is_said(cli, run):
    said = cli("report", run, "--pseudonymise", "--json")
    copy = run.with_name("run-pseudonymised")
    assert said.code in {ExitCode.OK, ExitCode.INCONCLUSIVE}, said.err
    assert said.json["report"]["html"] == str(copy / "report.html")
    assert "Person 01" in (copy / "report.html").read_text(encoding="utf-8")
    assert "Fenn" not in f"{said.out}{said.err}{(copy / 'summary.md').read_text(encoding='utf-8')}"
    assert not (run / "report.html").exists()


def test_a_copy_without_pseudonyms_lies_where_it_is_asked_for(cli, run, tmp_path):
    said = cli("report", run, "--out", tmp_path / "copy")
    assert said.code in {ExitCode.OK, ExitCode.INCONCLUSIVE}, said.err
    listed = json.loads((tmp_path / "copy" / "contents.json").read_text(encoding="utf-8"))
    assert listed["pseudonymised"] is False
    assert "spec.json" not in listed["files"]


@pytest.mark.parametrize("typed", ["", "yes\n", f"{SENTENCE} please\n"])
def test_without_the_sentence_no_image_is_written_as_it_is(cli, run, monkeypatch, typed):
    answer(monkeypatch, typed)
    said = cli("report", run, "--images", "all")
    assert said.code == ExitCode.USAGE
    assert SENTENCE in said.complaint
    assert not run.with_name("run-pictures").exists()


def test_with_the_sentence_they_lie_beside_the_run_and_not_in_the_report(cli, run, monkeypatch):
    answer(monkeypatch, f"{SENTENCE}\n")
    said = cli("report", run, "--images", "all")
    assert said.code in {ExitCode.OK, ExitCode.INCONCLUSIVE}, said.err
    assert len(list(run.with_name("run-pictures").glob("*.png"))) > 4
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "never shown: 4 of 4" in page


def test_no_images_when_none_are_asked_for(cli, run):
    cli("report", run, "--images", "none")
    assert "--images none" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("--images", "some"), ("--images", "all", "--pseudonymise")])
@pytest.mark.parametrize("command", ["report", "run"])
def test_what_cannot_be_is_refused_before_anything_is_done(cli, run, command, words):
    said = cli(command, run if command == "report" else "phantom:skewed", *words)
    assert said.code == ExitCode.USAGE
    assert "--images" in said.complaint


def test_a_card_lies_in_the_run_and_leaves_it_whole(cli, run):
    from huggingface_hub import ModelCard

    said = cli("card", run, "--pseudonymise", "--json")
    assert said.code == ExitCode.OK, said.err
    card = ModelCard.load(run / "model_card.md")
    assert card.data.model_name == "double"
    assert "Fenn" not in str(card)
    assert cli("card", run, "--out", run.with_name("card.md")).code == ExitCode.OK


@pytest.mark.parametrize(("form", "file"), [("cyclonedx", "model_card.cdx.json"), ("sarif", "findings.sarif")])
def test_a_statement_lies_in_the_run_and_leaves_it_whole(cli, kept, form, file):
    said = cli("card", kept, "--form", form, "--json")
    assert said.code == ExitCode.OK, said.err
    told = json.loads((kept / file).read_bytes())
    assert said.json["form"] == form
    weights = [one for one in json.loads((kept / "spec.json").read_bytes())["checkpoint"]["lineage"] if ":" in one]
    (digest,) = [one.removeprefix("weights:") for one in weights]
    assert form == "sarif" or digest in json.dumps(told)
    assert cli("verify", kept).code == ExitCode.OK


def test_a_result_is_stated_once_a_policy_has_decided(cli, kept, tmp_path):
    refused = cli("card", kept, "--form", "in-toto")
    assert refused.code == ExitCode.USAGE
    assert "policy" in refused.complaint
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    decided = cli("gate", kept, "--policy", tmp_path / "policy.toml")
    assert decided.code in {ExitCode.GATE_FAILED, ExitCode.INCONCLUSIVE}, decided.err
    assert cli("card", kept, "--form", "in-toto").code == ExitCode.OK
    told = json.loads((kept / "test_result.intoto.json").read_bytes())
    assert told["predicate"]["result"] == "FAILED"
    digest = hashlib.sha256((kept / "run.json").read_bytes()).hexdigest()
    assert {"name": "run.json", "digest": {"sha256": digest}} in told["predicate"]["configuration"]
    assert cli("verify", kept).code == ExitCode.OK


def test_there_is_no_other_form(cli, kept):
    said = cli("card", kept, "--form", "cyclondx")
    assert said.code == ExitCode.USAGE
    assert "cyclonedx" in said.complaint


def test_a_document_of_release_lies_beside_the_run_as_page_and_pdf(cli, kept, tmp_path):
    file = tmp_path / "document.toml"
    file.write_text('schema_version = 1\n[audit]\nauditor = "Ada Auditor"\n', encoding="utf-8")
    said = cli("card", kept, "--form", "document", "--document", file, "--json")
    assert said.code == ExitCode.OK, said.err
    assert said.json["card"] == str(kept / "document.html")
    assert "Ada Auditor" in (kept / "document.html").read_text(encoding="utf-8")
    assert (kept / "document.pdf").read_bytes().startswith(b"%PDF")
    assert cli("verify", kept).code == ExitCode.OK


@pytest.mark.parametrize("form", ["document", "cyclonedx"])
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_read(cli, kept, tmp_path, form):
    file = tmp_path / "document.toml"
    file.write_text("schema_version = 1\nauditor = 1\n", encoding="utf-8")
    said = cli("card", kept, "--form", form, "--document", file)
    assert said.code == ExitCode.USAGE
    assert ("line 2" if form == "document" else "--form document") in said.complaint
    assert not (kept / "document.html").exists()


def test_the_end_of_a_run_shows_its_main_figure_in_text_unless_quiet_is_asked_for(cli, kept):
    said = cli("report", kept)
    assert "parity" in said.out
    assert any(mark in said.out for mark in "●○")
    quiet = cli("--quiet", "report", kept)
    assert quiet.code == said.code
    assert not any(mark in quiet.out for mark in "●○")
