"""``label`` as a program: what it refuses, and labels that outlive its death."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest
from filelock import FileLock
from labelled_runs import finished
from labelling_process import Labelling

from audit.errors import ExitCode
from audit.evidence import read_labels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("runs") / "run")


def ask(address, what="state", body=None):
    _, _, host, token, _ = address.split("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(
            "GET" if body is None else "POST", f"/{token}/{what}", data, {"Content-Type": "application/json"}
        )
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def go_on(address, told, answers):
    for _ in range(answers):
        now = told["next"]
        label = now["answers"][told["done"] % len(now["answers"])]["label"]
        told = ask(address, "answer", {"place": now["place"], "question": now["question"], "label": label})
    return told


def until_it_dies(address, told):
    """Label until nobody answers; returns how many labels were acknowledged."""
    try:
        while told["next"] is not None:
            told = go_on(address, told, 1)
    except (OSError, http.client.HTTPException):
        pass
    return told["done"]


def test_labels_outlive_a_process_that_is_killed_while_it_writes(run, tmp_path):
    folder = tmp_path / "labels"
    with Labelling(run, "--rater", "anna", "--count", 50, "--out", folder) as first:
        told = go_on(first.address, ask(first.address), 10)
        threading.Timer(0.1, first.process.kill).start()
        said = until_it_dies(first.address, told)
    with Labelling(run, "--rater", "anna", "--out", folder) as again:
        told = ask(again.address)
        assert told["done"] in {said, said + 1}
        told = go_on(again.address, told, told["total"] - told["done"])
        assert told["next"] is None
        assert ask(again.address, "end", {}) == {"ended": True}
        answer = again.ended()
    assert answer["complete"] is True
    assert answer["given"] == answer["of"] == 100
    assert len(read_labels(folder / "labels.csv")) == 100


def test_one_process_labels_at_a_time(cli, run, tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    with FileLock(folder / ".lock"):
        said = cli("label", run, "--rater", "anna", "--out", folder, "--no-browser")
    assert said.code == ExitCode.ENVIRONMENT
    assert "Another clip-audit process" in said.complaint


@pytest.mark.parametrize("rater", ["", " anna", "a\x07", "a" * 61])
def test_a_name_that_is_none_is_refused(cli, run, rater):
    said = cli("label", run, "--rater", rater, "--no-browser")
    assert said.code == ExitCode.USAGE
    assert "--rater" in said.complaint


def test_a_folder_of_something_else_and_a_run_that_is_none_are_refused(cli, run, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for words in ((run, "--out", tmp_path), (tmp_path,)):
        assert cli("label", *words, "--rater", "anna", "--no-browser").code == ExitCode.USAGE


def test_a_port_that_is_taken_is_named(cli, run, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = cli("label", run, "--rater", "anna", "--out", tmp_path / "labels", "--no-browser", "--port", port)
    assert said.code == ExitCode.ENVIRONMENT
    assert str(port) in said.complaint


def open_handles(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def label_as_one_of_many(address, start):
    """Label until nothing is asked any more, over one connection; returns how many labels were taken."""
    _, _, host, token, _ = address.split("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    taken = 0
    start.wait()
    try:
        connection.request("GET", f"/{token}/state")
        told = json.loads(connection.getresponse().read())
        while (now := told["next"]) is not None:
            said = {"place": now["place"], "question": now["question"], "label": now["answers"][0]["label"]}
            connection.request("POST", f"/{token}/answer", json.dumps(said), {"Content-Type": "application/json"})
            response = connection.getresponse()
            told = json.loads(response.read())
            taken += response.status == HTTPStatus.OK
    finally:
        connection.close()
    return taken


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_two_hundred_clients_at_once_label_every_picture_once_and_leave_no_handle_open(run, tmp_path):
    clients, start = 200, threading.Barrier(200)
    with Labelling(run, "--rater", "anna", "--count", 6, "--out", tmp_path / "labels") as served:
        assert ask(served.address)["done"] == 0
        before = open_handles(served.process.pid)
        with ThreadPoolExecutor(clients) as pool:
            taken = list(pool.map(label_as_one_of_many, [served.address] * clients, [start] * clients))
        assert sum(taken) == ask(served.address)["total"] == 12
        until = time.monotonic() + 30
        while open_handles(served.process.pid) > before and time.monotonic() < until:
            time.sleep(0.1)
        assert open_handles(served.process.pid) <= before
        ask(served.address, "end", {})
        served.ended()
    assert len(read_labels(tmp_path / "labels" / "labels.csv")) == 12
