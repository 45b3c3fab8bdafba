"""What a person says is on the disk as it comes, and read again whatever ended the process."""

from __future__ import annotations

import os

import pytest

from audit.errors import EnvironmentProblem, UsageProblem
from audit.labelling.label_log import Said, open_log

ONE = Said(image="90b2cad6a1f03c55-0", question="gender", label="woman", picture="5f1d7a84db00d2fc")
TWO = Said(image="90b2cad6a1f03c55-1", question="gender", label="cannot_tell", picture="00000000000000ff")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "anna.jsonl"


def log_of(path, rater="anna", evidence="e" * 64):
    return open_log(path, rater, evidence)


def test_labels_are_read_again_in_their_order(path):
    log = log_of(path)
    log.add(ONE)
    log.add(TWO)
    assert log_of(path).said == (ONE, TWO)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_taken_back_is_gone_and_nothing_is_written_over(path):
    log = log_of(path)
    log.add(ONE)
    log.add(TWO)
    before = path.read_bytes()
    assert log.undo() == TWO
    assert path.read_bytes().startswith(before)
    assert log_of(path).said == log.said == (ONE,)
    assert [log.undo(), log.undo()] == [ONE, None]
    assert log_of(path).said == ()


@pytest.mark.parametrize("kept", range(1, 40, 6))
def test_a_torn_last_line_is_dropped_and_the_next_label_is_whole(path, kept):
    log = log_of(path)
    log.add(ONE)
    whole = path.read_bytes()
    log.add(TWO)
    path.write_bytes(path.read_bytes()[: len(whole) + kept])
    log = log_of(path)
    assert log.said == (ONE,)
    log.add(TWO)
    assert log_of(path).said == (ONE, TWO)


def test_a_line_that_the_disk_did_not_take_leaves_the_file_as_it_was(path, monkeypatch):
    log = log_of(path)
    log.add(ONE)
    before = path.read_bytes()

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(EnvironmentProblem, match="No space left"):
            log.add(TWO)
    assert path.read_bytes() == before
    assert log.said == (ONE,)


@pytest.mark.parametrize("line", [b"{}\n", b"nothing\n", b'{"image": 3}\n'])
def test_a_damaged_line_is_named(path, line):
    log = log_of(path)
    log.add(ONE)
    path.write_bytes(path.read_bytes() + line)
    log.path.write_bytes(path.read_bytes() + b'{"undo":true}\n')
    with pytest.raises(EnvironmentProblem, match=r"anna.jsonl is damaged"):
        log_of(path)


def test_labels_of_somebody_else_or_of_another_run_are_not_mixed(path):
    log_of(path)
    with pytest.raises(UsageProblem, match="'anna'"):
        log_of(path, rater="ben")
    with pytest.raises(UsageProblem, match="another run"):
        log_of(path, evidence="f" * 64)
