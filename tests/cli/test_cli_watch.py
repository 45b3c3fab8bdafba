"""``clip-audit watch`` with the real audit: two checkpoints of one folder, compared, gated and told once."""

import json
import shutil

import pytest

from audit.errors import ExitCode
from audit.packaged import PHANTOMS

SUITE = """
schema_version = 1
name = "two_jobs"
version = "1.0"
lens = "gender"
purpose = "As few prompts as there can be."
source = "None."
licence = "Apache-2.0"
[slots]
profession = [
  { concept = "nurse" },
  { concept = "pilot" },
]
[[block]]
role = "subject"
templates = ["a photo of {a_profession}", "a drawing of {a_profession}", "a picture of {a_profession}"]
"""
POLICY = """
schema_version = 1
name = "strict"
[[rule]]
id = "nothing-leans"
metric = "gender.raw_lean"
suite = "two_jobs"
subject = "*"
between = [-0.0001, 0.0001]
"""
SOURCES = """
schema_version = 1
[profile.small]
effort = "quick"
suites = ["two_jobs.toml"]
judges = ["zero_shot:phantom:judge"]
policy = "strict.toml"
[[source]]
name = "models"
profile = "small"
folder = "models"
"""


@pytest.fixture
def sources(tmp_path):
    for name, text in (("two_jobs", SUITE), ("strict", POLICY), ("sources", SOURCES)):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    for place, name in enumerate(("balanced", "skewed"), start=1):
        shutil.copytree(PHANTOMS / name, tmp_path / "models" / f"release-{place}")
    broken = tmp_path / "models" / "release-0"
    shutil.copytree(PHANTOMS / "skewed", broken)
    (broken / "open_clip_model.safetensors").write_bytes(b"<!doctype html>")
    return tmp_path / "sources.toml"


@pytest.mark.slow
def test_a_round_audits_what_is_new_and_the_next_has_nothing_to_do(cli, sources):
    looked = cli("watch", sources, "--json")
    assert looked.code == ExitCode.OK, looked.err
    assert [one["attempts"] if "attempts" in one else one["state"] for one in looked.json["waiting"]] == ["waiting"] * 3
    assert not (sources.parent / "watched").exists()

    done = cli("watch", sources, "--once", "--json")
    assert done.code in {ExitCode.GATE_FAILED, ExitCode.INCONCLUSIVE}, done.err
    broken, first, second = done.json["audited"]
    assert (broken["state"], first["state"], second["state"]) == ("broken", "audited", "audited")
    assert "web page" in broken["said"]
    assert (first["baseline"], second["baseline"]) == ("", first["run"])
    assert second["changes"] or second["said"]
    for one in (first, second):
        decision = json.loads((sources.parent / "watched/runs" / one["run"] / "decision.json").read_bytes())
        assert (decision["verdict"], decision["policy"]["name"]) == (one["verdict"], "strict")

    again = cli("watch", sources, "--once", "--json")
    assert (again.code, again.json["audited"], again.json["seen"]) == (ExitCode.OK, [], 3)


def test_a_file_that_is_none_is_refused(cli, tmp_path):
    assert cli("watch", tmp_path / "none.toml", "--once").code == ExitCode.USAGE
    (tmp_path / "wrong.toml").write_text("schema_version = 1", encoding="utf-8")
    said = cli("watch", tmp_path / "wrong.toml")
    assert said.code == ExitCode.USAGE
    assert "wrong.toml, line 1" in said.complaint
