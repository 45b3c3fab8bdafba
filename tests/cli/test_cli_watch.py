"""``clip-audit watch`` with the real audit: checkpoints of a folder and of registries of MLflow, each audited once."""

import json
import shutil

import pytest
from mlflow.tracking import MlflowClient

from audit.errors import ExitCode
from audit.packaged import PHANTOMS
from tests.cli.test_cli_export import SERVER, server

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


@pytest.fixture(params=["folder", "server"])
def store(request, tmp_path, monkeypatch):
    if request.param == "folder":
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        yield f"file://{tmp_path}/store"
    elif SERVER.is_file():
        (tmp_path / "server").mkdir()
        with server(tmp_path / "server") as address:
            yield address
    else:
        pytest.skip("no MLflow server: `make mlflow` makes an environment for it (0.9 GB)")


def register(client, name, folder):
    """Log a folder in a run, and register what was logged: as people do who train with MLflow."""
    run = client.create_run("0").info
    client.log_artifacts(run.run_id, str(folder), "clip")
    return client.create_model_version(name, f"{run.artifact_uri}/clip", run.run_id).version


@pytest.mark.slow
def test_versions_of_a_registry_of_mlflow_are_audited_once(cli, sources, store, monkeypatch):
    text = sources.read_text(encoding="utf-8")
    registry = 'tracking_uri_from = "MLFLOW_TRACKING_URI"\nalias = "candidate"\nmatch = ["clip*"]'
    sources.write_text(text.replace('folder = "models"', registry), encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    client = MlflowClient(tracking_uri=store, registry_uri=store)
    for name, folder in (("clip", "release-1"), ("clip-broken", "release-0"), ("other", "release-2")):
        client.create_registered_model(name)
        version = register(client, name, sources.parent / "models" / folder)
        client.set_registered_model_alias(name, "candidate", version)
    client.create_registered_model("clip-without-versions")
    looked = cli("watch", sources, "--json")
    assert sorted(one["checkpoint"] for one in looked.json["waiting"]) == ["models:/clip-broken/1", "models:/clip/1"]

    done = cli("watch", sources, "--once", "--json")
    assert done.code in {ExitCode.GATE_FAILED, ExitCode.INCONCLUSIVE}, done.err
    found = {one["name"]: one for one in done.json["audited"]}
    assert {name: one["state"] for name, one in found.items()} == {"clip": "audited", "clip-broken": "broken"}
    assert "web page" in found["clip-broken"]["said"]
    assert (sources.parent / "watched/runs" / found["clip"]["run"] / "report.html").is_file()
    assert not (sources.parent / "watched/fetched").exists()

    again = register(client, "clip", sources.parent / "models" / "release-1")
    assert cli("watch", sources, "--once", "--json").json["seen"] == 2  # the alias stays where it was
    client.set_registered_model_alias("clip", "candidate", again)
    same = cli("watch", sources, "--once", "--json")
    assert (same.code, same.json["audited"], same.json["waiting"]) == (ExitCode.OK, [], []), same.err

    newest = register(client, "clip", sources.parent / "models" / "release-2")
    sources.write_text(sources.read_text(encoding="utf-8").replace('alias = "candidate"', ""), encoding="utf-8")
    looked = cli("watch", sources, "--json")
    assert [one["checkpoint"] for one in looked.json["waiting"]] == [f"models:/clip/{newest}"], looked.err


def test_a_file_that_is_none_is_refused(cli, tmp_path):
    assert cli("watch", tmp_path / "none.toml", "--once").code == ExitCode.USAGE
    (tmp_path / "wrong.toml").write_text("schema_version = 1", encoding="utf-8")
    said = cli("watch", tmp_path / "wrong.toml")
    assert said.code == ExitCode.USAGE
    assert "wrong.toml, line 1" in said.complaint
