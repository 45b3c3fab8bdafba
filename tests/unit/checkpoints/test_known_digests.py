"""Digests that are remembered: only of files that stay as they are, and never in the way."""

import hashlib
import json
import os

import pytest

from audit.checkpoints import known_digests
from audit.checkpoints.known_digests import known_sha256


@pytest.fixture
def hashed(tmp_path, monkeypatch):
    """A file that is old enough, and the paths that were truly hashed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(known_digests, "SMALLEST", 1)
    monkeypatch.setattr(known_digests, "SETTLED_NS", 0)
    asked = []
    true = known_digests.sha256
    monkeypatch.setattr(known_digests, "sha256", lambda path: (asked.append(path), true(path))[1])
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"weights")
    return path, asked


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_stays_as_it_is_is_hashed_once(hashed):
    path, asked = hashed
    assert [known_sha256(path) for _ in range(3)] == [digest_of(path)] * 3
    assert len(asked) == 1


def test_one_that_was_written_again_is_hashed_again_whatever_its_time_says(hashed):
    path, asked = hashed
    known_sha256(path)
    before = path.stat()
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as who wants to hide it would
    assert known_sha256(path) == digest_of(path)
    assert len(asked) == 2


def test_one_of_another_name_is_the_same_file(hashed):
    path, asked = hashed
    known_sha256(path)
    link = path.with_name("link.safetensors")
    link.symlink_to(path)
    assert known_sha256(link) == digest_of(path)
    assert len(asked) == 1


def test_what_was_written_a_moment_ago_is_not_remembered(hashed, monkeypatch):
    path, asked = hashed
    monkeypatch.setattr(known_digests, "SETTLED_NS", 10**12)
    known_sha256(path)
    known_sha256(path)
    assert len(asked) == 2


def test_small_files_are_not_remembered(hashed, monkeypatch):
    path, asked = hashed
    monkeypatch.setattr(known_digests, "SMALLEST", 100)
    known_sha256(path)
    known_sha256(path)
    assert len(asked) == 2


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 1}', b"\xff"])
def test_a_damaged_memory_remembers_nothing(hashed, tmp_path, content):
    path, asked = hashed
    known_sha256(path)
    place = tmp_path / "cache" / "clip-audit" / "digests.json"
    place.write_bytes(content)
    assert known_sha256(path) == digest_of(path)
    assert len(asked) == 2
    assert len(json.loads(place.read_text())) == 1


def test_a_folder_that_takes_no_file_is_no_problem(hashed, tmp_path):
    path, asked = hashed
    (tmp_path / "cache").write_text("a file")
    assert known_sha256(path) == known_sha256(path) == digest_of(path)
    assert len(asked) == 2


def test_only_so_many_are_remembered(hashed, tmp_path, monkeypatch):
    path, _ = hashed
    monkeypatch.setattr(known_digests, "MOST", 2)
    for number in range(4):
        path.with_name(f"{number}").write_bytes(b"weights %d" % number)
        known_sha256(path.with_name(f"{number}"))
    kept = json.loads((tmp_path / "cache" / "clip-audit" / "digests.json").read_text())
    assert list(kept.values()) == [digest_of(path.with_name(f"{number}")) for number in (2, 3)]
