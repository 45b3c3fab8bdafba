"""A run in a bucket of S3, by a real client and a server on loopback, both of ``make s3``: the program in processes."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.errors import ExitCode

HERE = Path(sys.prefix) / "s3"
SERVER, CLIENT = HERE / "bin" / "moto_server", HERE / "client"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The settings of a client of a server that has a bucket called audits."""
    if not SERVER.is_file() or not CLIENT.is_dir():
        pytest.skip("no server of S3: `make s3` makes an environment for it (0.4 GB)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path_factory.mktemp("s3") / "log").open("w") as log:
        server = subprocess.Popen([SERVER, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                time.sleep(0.1)
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            asked.request("PUT", "/audits")
            assert asked.getresponse().status == http.client.OK
            asked.close()
            yield {
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "PYTHONPATH": os.pathsep.join((str(CLIENT), str(ROOT))),
            }
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture
def there(settings, program, monkeypatch):
    """The program, with a client of S3."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return program


def test_a_run_is_begun_in_a_bucket_resumed_listed_reported_and_exported(there, run_words, tmp_path):
    url = "s3://audits/runs/mine"
    begun = there(*run_words, "--out", url, "--max-images", 1, "--json")
    assert begun.code == ExitCode.INCONCLUSIVE, begun.err
    (listed,) = there("runs", "list", "s3://audits/runs", "--json").json["runs"]
    assert (listed["run"], listed["state"]) == (url, "unfinished")
    done = there(*run_words, "--out", url, "--json")
    assert (done.code, done.json["folder"]) == (ExitCode.INCONCLUSIVE, url), done.err
    assert there("report", url).code == ExitCode.INCONCLUSIVE
    assert there("verify", url).code == ExitCode.OK
    (listed,) = there("runs", "list", "s3://audits/runs", "--json").json["runs"]
    assert (listed["run"], listed["state"]) == (url, "finished")
    told = there("history", "s3://audits/runs", "--export", tmp_path / "all.csv", "--json")
    assert (told.code, told.json["runs"]) == (ExitCode.OK, 1), told.err


def test_parts_meet_in_a_bucket(there, run_words, run_folder, tmp_path):
    url = "s3://audits/parts/mine"
    for part in ("2/2", "1/2"):
        said = there(*run_words, "--out", url, "--shard", part)
        assert said.code == ExitCode.OK, said.err
    said = there("report", url, "--json")
    assert said.code == ExitCode.INCONCLUSIVE
    assert there("verify", url).code == ExitCode.OK
    there("compare", run_folder, url, "--out", tmp_path / "changes")
    said = (tmp_path / "changes" / "summary.md").read_text(encoding="utf-8")
    assert re.search(r"\b(\d+) of \1 pairs are the same image", said), said


def test_a_bucket_that_is_not_there_is_said(there, run_words):
    assert there("verify", "s3://nowhere/runs/mine").complaint
    said = there(*run_words, "--out", "s3://nowhere/runs/mine")
    assert said.code in {ExitCode.USAGE, ExitCode.ENVIRONMENT}
    assert "s3://nowhere" in said.complaint


def test_without_a_client_one_is_told_what_to_install(program):
    said = program("verify", "s3://audits/runs/mine")
    assert said.code == ExitCode.ENVIRONMENT
    assert "s3fs" in said.complaint
