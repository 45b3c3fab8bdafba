"""A run as a run of MLflow, by its client into a folder and into a real server, and of W&B, offline."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from wandb.proto.wandb_internal_pb2 import Record

from audit.errors import ExitCode, UsageProblem
from audit.lenses import INSTRUMENTS
from audit.pipeline import Silence
from audit.pipeline.mlflow_tracker import to_mlflow
from audit.pipeline.trackers import tracked
from audit.records import Verdict
from tests.kept_run import KEPT

SERVER = Path(sys.prefix) / "mlflow" / "bin" / "mlflow"
"""Of ``make mlflow``: an environment of its own, as a server goes with older packages than ours."""
SHOWN = ("report.html", "report.pdf", "decision.json", "findings.json", "contents.json", "tables/controls.csv")


@pytest.fixture(scope="module")
def run(cli, tmp_path_factory) -> Path:
    run = shutil.copytree(KEPT, tmp_path_factory.mktemp("export") / "run")
    assert cli("report", run).code == ExitCode.INCONCLUSIVE
    return run


@contextlib.contextmanager
def server(place: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [SERVER, "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{place}/runs.db", "--artifacts-destination", place / "artefacts"]
    environment = {**os.environ, "PATH": f"{SERVER.parent}{os.pathsep}{os.environ['PATH']}"}
    with (place / "log").open("wb") as log:
        started = subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=log, cwd=place)
    try:
        for _ in range(600):
            assert started.poll() is None, (place / "log").read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
                assert answer.status == 200
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait()


@pytest.fixture(scope="module", params=["folder", "server"])
def store(request, tmp_path_factory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("mlflow")
    if request.param == "server":
        if not SERVER.is_file():
            pytest.skip("no MLflow server: `make mlflow` makes an environment for it (0.9 GB)")
        with server(place) as address:
            yield address
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
            yield f"file://{place}"


def client(store: str) -> MlflowClient:
    return MlflowClient(tracking_uri=store, registry_uri=store)


def runs(store: str, experiment: str):
    place = client(store).get_experiment_by_name(experiment)
    return [] if place is None else client(store).search_runs([place.experiment_id])


def files(store: str, one: str, path: str | None = None) -> set[str]:
    found = client(store).list_artifacts(one, path)
    return {file.path for file in found if not file.is_dir}.union(
        *(files(store, one, file.path) for file in found if file.is_dir)
    )


def told_by(run: Path) -> dict[str, float]:
    """What stands in findings.json of whole suites, in the words of a tracker; nothing about instruments."""
    document = json.loads((run / "findings.json").read_bytes())
    told = {}
    for one in document["findings"]:
        if one["subject"] == "*" and one["lens"] not in INSTRUMENTS and one["estimate"]["value"] is not None:
            name = f"{one['suite']}/{one['metric']}"
            told[name] = one["estimate"]["value"]
            told |= {
                f"{name}.{end}": one["estimate"][end] for end in ("low", "high") if one["estimate"][end] is not None
            }
            told |= {f"{name}.{n}": float(one["estimate"][n]) for n in ("n_images", "n_prompts")}
    return told


def alike(found: dict[str, float], expected: dict[str, float]) -> bool:
    return found.keys() == expected.keys() and all(math.isclose(found[name], expected[name]) for name in expected)


def version(store: str, name: str) -> tuple[str, str]:
    client(store).create_registered_model(name)
    return name, str(client(store).create_model_version(name, source="s3://bucket/clip").version)


def test_mlflow_has_the_run_once_with_intervals_and_files(cli, run, store):
    words = ("export", run, "--to", "mlflow", "--tracking-uri", store, "--experiment", "once", "--json")
    first, second = cli(*words), cli(*words)
    assert (first.code, second.code) == (ExitCode.OK, ExitCode.OK), first.err
    assert (first.json["was_there"], second.json["was_there"]) == (False, True)
    assert first.json["address"] == second.json["address"]
    (made,) = runs(store, "once")
    assert made.info.status == "FINISHED"
    assert alike(made.data.metrics, told_by(run))
    assert made.data.params["checkpoint"] == "phantom:skewed"
    assert made.data.tags["clip_audit.run"] == first.json["run"]
    there = files(store, made.info.run_id)
    assert set(SHOWN) <= there
    assert not [name for name in there if name.startswith(("images/", "scores/", "texts/"))]


def test_a_run_that_was_begun_is_gone_on_with(cli, run, store):
    words = ("export", run, "--to", "mlflow", "--tracking-uri", store, "--experiment", "begun", "--json")
    assert cli(*words).code == ExitCode.OK
    (made,) = runs(store, "begun")
    client(store).update_run(made.info.run_id, status="RUNNING")
    said = cli(*words)
    assert (said.code, said.json["was_there"]) == (ExitCode.OK, False)
    (again,) = runs(store, "begun")
    assert (again.info.run_id, again.info.status) == (made.info.run_id, "FINISHED")
    assert alike(again.data.metrics, told_by(run))


def test_only_a_version_that_passed_is_tagged(cli, run, store, tmp_path):
    name, number = version(store, "clip")
    told = tracked(run, tmp_path, Silence())
    passed = to_mlflow(dataclasses.replace(told, verdict=Verdict.PASS), store, "tags", (name, number))
    assert passed.registered is True
    tags = client(store).get_model_version(name, number).tags
    assert tags["clip_audit"] == "pass"
    assert tags["clip_audit.weights_sha256"] == told.tags["clip_audit.weights_sha256"]
    words = ("--tracking-uri", store, "--experiment", "tags", "--register", name, number, "--json")
    said = cli("export", run, "--to", "mlflow", *words)
    assert (said.code, said.json["registered"], said.json["verdict"]) == (
        ExitCode.INCONCLUSIVE,
        False,
        "inconclusive",
    )
    assert "clip_audit" not in client(store).get_model_version(name, number).tags


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NONE])
def test_nothing_but_a_pass_is_a_pass(run, tmp_path, verdict):
    told = dataclasses.replace(tracked(run, tmp_path, Silence()), verdict=verdict)
    assert told.exit_code is not ExitCode.OK


def test_a_version_that_is_not_there_is_said_before_a_run_is_made(cli, run, store):
    words = ("--tracking-uri", store, "--experiment", "none", "--register", "unknown", "7")
    said = cli("export", run, "--to", "mlflow", *words)
    assert said.code == ExitCode.USAGE
    assert "unknown" in said.complaint
    assert runs(store, "none") == []


def test_a_server_that_does_not_answer_is_the_environment_and_no_password_is_told(cli, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said = cli("export", run, "--to", "mlflow", "--tracking-uri", "http://me:secret@127.0.0.1:9")
    assert said.code == ExitCode.ENVIRONMENT
    assert "127.0.0.1:9" in said.complaint
    assert "secret" not in said.out + said.err


@pytest.fixture
def offline(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("DIR", "CACHE_DIR", "DATA_DIR", "CONFIG_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "kept"))
    tmp_path.joinpath("kept").mkdir()
    return tmp_path / "kept" / "wandb"


def records(path: Path) -> Iterator[Record]:
    """Read a file of W&B: after seven bytes a log as LevelDB keeps them, in blocks of 32 KiB, of its own messages."""
    data, at, parts = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in {1, 4}:
            yield Record.FromString(parts)
            parts = b""


@pytest.mark.slow
def test_wandb_keeps_the_run_offline_once_with_intervals_and_files(program, run, offline):
    words = ("export", run, "--to", "wandb", "--experiment", "audits", "--json")
    first, second = program(*words), program(*words)
    assert (first.code, second.code) == (ExitCode.OK, ExitCode.OK), first.err
    assert (first.json["was_there"], second.json["was_there"]) == (False, True)
    (kept,) = offline.glob("offline-run-*")
    assert first.json["address"] == second.json["address"] == str(kept)
    assert all(kept.joinpath("files", name).is_file() for name in SHOWN)
    (log,) = kept.glob("*.wandb")
    read = list(records(log))
    (about,) = [one.run for one in read if one.WhichOneof("record_type") == "run"]
    assert (about.project, about.run_id) == ("audits", first.json["run"][:16])
    summary = {}
    for one in read:
        if one.WhichOneof("record_type") == "summary":
            summary |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.summary.update}
    assert alike({name: value for name, value in summary.items() if name[0] != "_"}, told_by(run))


def test_wandb_that_is_switched_off_is_said(cli, run, offline, monkeypatch):
    from audit.pipeline import wandb_tracker

    monkeypatch.setenv("WANDB_MODE", "disabled")
    with pytest.raises(UsageProblem, match="switched off"):
        wandb_tracker._kept_in()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--to", "mlfow"), "mlflow"),
        (("--to", "mlflow"), "--tracking-uri"),
        (("--to", "wandb", "--register", "clip", "1"), "--register"),
        (("--to", "wandb", "--tracking-uri", "http://127.0.0.1:9"), "--tracking-uri"),
        (("--to", "wandb", "--images", "all"), "--images"),
    ],
)
def test_what_cannot_be_told_is_refused_at_once(cli, run, words, told, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said = cli("export", run, *words)
    assert said.code == ExitCode.USAGE
    assert told in said.complaint


@pytest.mark.parametrize(("tracker", "package"), [("mlflow", "mlflow.entities"), ("wandb", "wandb")])
def test_without_its_package_it_is_said_how_to_get_it(cli, run, monkeypatch, tracker, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"audit.pipeline.{tracker}_tracker", raising=False)
    where = ("--tracking-uri", "http://127.0.0.1:9") if tracker == "mlflow" else ()
    said = cli("export", run, "--to", tracker, *where)
    assert said.code == ExitCode.ENVIRONMENT
    assert f"clip-audit[{tracker}]" in said.complaint
