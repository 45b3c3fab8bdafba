"""Files are whole or absent, and what a disk does becomes advice."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence.files import (
    disk_problems,
    make_folders,
    remove_abandoned,
    remove_leftovers,
    safe_name,
    write_atomically,
)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_replaced_as_a_whole_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["a.json"]


def test_a_failed_check_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def refuse(_):
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        write_atomically(path, b"new", check=refuse)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.json"]


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(EnvironmentProblem, match="Free some space"):
            write_atomically(tmp_path / "big", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "writable"),
        (errno.ENOENT, "still exists"),
        (errno.EIO, "drive"),
    ],
)
def test_each_disk_error_has_its_remedy(tmp_path, number, advice):
    with pytest.raises(EnvironmentProblem, match=r"Writing .* failed") as caught, disk_problems("Writing", tmp_path):
        raise OSError(number, os.strerror(number))
    assert advice in caught.value.remedy
    assert os.strerror(number) in caught.value.what


def test_a_vanished_folder_is_not_made_again(tmp_path):
    with pytest.raises(EnvironmentProblem, match="still exists"):
        make_folders(tmp_path / "gone", tmp_path.relative_to(tmp_path) / "images")
    assert not (tmp_path / "gone").exists()


def test_leftovers_go_and_files_stay(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / ".tmp-x1").write_bytes(b"half")
    (tmp_path / "images" / "0001.parquet").write_bytes(b"whole")
    remove_leftovers(tmp_path)
    assert names_in(tmp_path / "images") == ["0001.parquet"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "CON", "", "a\0b", "\N{RIGHT-TO-LEFT OVERRIDE}x", "n" * 5000])
def test_any_text_becomes_a_harmless_file_name(name):
    assert set(safe_name(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 1 <= len(safe_name(name)) <= 49


def test_like_looking_names_stay_apart():
    names = ["zero_shot:a/b", "zero_shot:a:b", "Zero_shot:a/b", "zero-shot-a-b"]
    assert len({safe_name(name) for name in names}) == len(names)


def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path):
    """As root, ``--out /dev/null`` would leave a machine without it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with pytest.raises(UsageProblem, match="which no file can take the place of"):
            write_atomically(tmp_path / name, b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(names_in(tmp_path)) == ["null", "pipe"]


def test_only_old_files_of_ours_are_swept_where_others_may_have_theirs(tmp_path):
    names = (".tmp-clip-audit-old", ".tmp-clip-audit-young", ".tmp-somebody", "kept.csv")
    for name in names:
        (tmp_path / name).write_text("x", encoding="utf-8")
        if not name.endswith("young"):
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".tmp-clip-audit-folder").mkdir()
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "nowhere")
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], ".tmp-clip-audit-folder"}
