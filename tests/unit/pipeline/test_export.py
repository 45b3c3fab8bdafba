"""A copy of a report to pass on, and pictures for their owner only."""

from __future__ import annotations

import io
import json
import re
import shutil
import stat

import pandas as pd
import pypdf
import pytest
from run_folders import write_run
from worlds import World, add_controls, seen

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import read_run
from audit.pipeline import Silence
from audit.pipeline.export_copy import CONTENTS, PICTURES, share_report, write_pictures

PEOPLE = ("Fenn Ilko", "Quilla Destow", "Yara Vond-Halm")


def evidence(**more):
    world = World()
    for place, concept in enumerate((*PEOPLE, "nurse")):
        for number in range(4):
            world.ask(
                concept,
                seen("man", unsafe=0.1 + 0.8 * (number < 2 * place)),
                suite="names",
                template=f"{number} {{thing}}",
                lens="nsfw",
                group="job" if concept == "nurse" else "figure",
                role="reference" if concept == "nurse" else "subject",
                facts={} if concept == "nurse" else {"field": "film"},
                **more,
            )
    add_controls(world, templates=2)
    return world.evidence()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run", evidence(), suite_files=["suites/fenn-ilko.toml"])


@pytest.fixture(scope="module")
def copy(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("copy") / "copy"
    share_report(run, out, Silence(), pseudonymise=True)
    return out


def readable(path) -> str:
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv()
    if path.suffix == ".pdf":
        reader = pypdf.PdfReader(io.BytesIO(path.read_bytes()))
        return f"{reader.metadata} {' '.join(page.extract_text() for page in reader.pages)}"
    return path.read_text(encoding="utf-8")


def test_no_file_of_a_copy_knows_a_name_or_what_a_name_could_be_found_by(run, copy):
    ids = read_run(run).read_table("prompts")["prompt_id"].tolist()
    secrets = re.compile("|".join([*re.split(r"[ -]", " ".join(PEOPLE)), "film", *ids]), re.IGNORECASE)
    files = [path for path in copy.rglob("*") if path.is_file()]
    found = {path.name: secrets.findall(f"{path.name} {readable(path)}") for path in files}
    assert {name: told for name, told in found.items() if told} == {}
    assert {path.suffix for path in files} == {".html", ".pdf", ".md", ".xml", ".svg", ".json", ".csv", ".parquet"}


def test_everybody_has_the_same_pseudonym_in_every_form(copy):
    findings = json.loads((copy / "findings.json").read_text(encoding="utf-8"))["findings"]
    people = {one["subject"] for one in findings if one["subject"].startswith("Person")}
    assert people == {"Person 01", "Person 02", "Person 03"}
    for name in ("report.html", "report.pdf", "tables/nsfw_concepts.csv", "figures/main-figure.svg"):
        assert set(re.findall(r"Person \d\d", readable(copy / name))) == people


def test_a_copy_lists_its_files_and_leaves_the_run_as_it_was(run, copy):
    listed = json.loads((copy / CONTENTS).read_text(encoding="utf-8"))
    there = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert set(listed["files"]) | {CONTENTS} == there
    assert listed["pseudonymised"] is True
    read_run(run, finished=True).verify()


def test_what_an_earlier_copy_left_is_removed(run, tmp_path):
    share_report(run, tmp_path / "copy", Silence())
    (tmp_path / "copy" / "figures" / "main-figure.svg").rename(tmp_path / "copy" / "mine.svg")
    assert "Fenn Ilko" in readable(tmp_path / "copy" / "report.html")
    listed = json.loads((tmp_path / "copy" / CONTENTS).read_text(encoding="utf-8"))
    listed["files"] |= {"gone.txt": "", "../outside.txt": ""}
    (tmp_path / "outside.txt").write_text("stays", encoding="utf-8")
    (tmp_path / "copy" / CONTENTS).write_text(json.dumps(listed), encoding="utf-8")
    (tmp_path / "copy" / "tables" / "old.csv").write_text("Fenn Ilko", encoding="utf-8")
    share_report(run, tmp_path / "copy", Silence(), pseudonymise=True)
    assert "Fenn Ilko" not in readable(tmp_path / "copy" / "report.html")
    assert (tmp_path / "outside.txt").is_file()


def test_a_folder_with_something_else_is_not_written_into(run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for write in (lambda: share_report(run, tmp_path, Silence()), lambda: write_pictures(run, tmp_path)):
        with pytest.raises(UsageProblem, match="holds something"):
            write()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_only_a_finished_and_whole_run_is_passed_on(run, tmp_path):
    unfinished = write_run(tmp_path / "unfinished", evidence(), finish=False)
    with pytest.raises(InconclusiveProblem):
        share_report(unfinished, tmp_path / "copy", Silence())
    changed = shutil.copytree(run, tmp_path / "changed")
    (changed / "tables" / "prompts.csv").write_text("", encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="not as its run left it"):
        share_report(changed, tmp_path / "copy", Silence())


def test_pictures_are_for_their_owner_only_and_never_in_a_report(run, tmp_path):
    number = write_pictures(run, tmp_path / "pictures")
    files = list((tmp_path / "pictures").iterdir())
    assert number == len(files) - 1 == len(read_run(run).read_shards("images"))
    assert stat.S_IMODE((tmp_path / "pictures").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    listed = pd.read_csv(tmp_path / "pictures" / PICTURES)
    assert set(listed["file"]) == {path.name for path in files} - {PICTURES}
    assert listed["unsafe"].max() > 0.5
    assert all(re.fullmatch(r"[0-9a-f]{16}-\d+\.png", name) for name in listed["file"])


def test_a_folder_of_pictures_that_others_can_open_is_closed(run, tmp_path):
    (tmp_path / "pictures").mkdir(mode=0o755)
    write_pictures(run, tmp_path / "pictures")
    assert stat.S_IMODE((tmp_path / "pictures").stat().st_mode) == 0o700
