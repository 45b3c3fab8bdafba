"""``--events``: what happened in a run, line by line, which never stops it."""

import json
import os
from datetime import UTC, datetime
from io import FileIO

import pytest

import audit.inversion.inverter
from audit.cli.events import EventFile
from audit.cli.talk import Talk
from audit.errors import ExitCode


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_tells_what_it_does_line_by_line(cli, run_words, tmp_path):
    before = datetime.now(UTC)
    said = cli(*run_words, "--out", tmp_path / "run", "--events", tmp_path / "events.jsonl", "--json")
    lines = read(tmp_path / "events.jsonl")
    assert [line["event"] for line in lines] == ["planned", "shard_done", "judged", "decided", "ended"]
    planned, shard, judged, decided, ended = lines
    assert (planned["prompts"], planned["images"], planned["shards"], planned["shards_there"]) == (3, 5, 1, 0)
    assert (shard["shard"], shard["images"]) == ("00000", 5)
    assert (judged["judge"], judged["shards"]) == ("nudenet", 1)
    assert decided["verdict"] == said.json["verdict"] == "inconclusive"
    assert ended["exit_code"] == said.code == ExitCode.INCONCLUSIVE
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert sorted(times) == times
    assert before.replace(microsecond=0) <= times[0] <= times[-1] <= datetime.now(UTC)
    assert all(line["schema_version"] == 1 for line in lines)


def test_a_second_command_adds_to_the_file_and_leaves_a_sound_run(cli, run_folder, tmp_path):
    events = tmp_path / "events.jsonl"
    for _ in range(2):
        cli("report", run_folder, "--out", tmp_path / "copy", "--events", events)
    assert [line["event"] for line in read(events)] == ["ended", "ended"]
    assert cli("verify", run_folder).code == ExitCode.OK


def test_a_problem_and_an_interruption_are_told_as_people_read_them(cli, run_words, tmp_path, monkeypatch):
    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    events = tmp_path / "events.jsonl"
    said = cli(*run_words, "--out", tmp_path / "run", "--sequential", "--events", events)
    monkeypatch.setattr(audit.inversion.inverter.Inverter, "make", interrupt)
    cli(*run_words, "--out", tmp_path / "run", "--events", events)
    failed, ended, planned, interrupted, last = read(events)
    assert (failed["event"], failed["exit_code"]) == ("failed", ExitCode.USAGE)
    assert failed["what"] in said.complaint
    assert failed["remedy"] in said.complaint
    assert ended["exit_code"] == ExitCode.USAGE
    assert (planned["event"], interrupted["event"]) == ("planned", "failed")
    assert interrupted["exit_code"] == last["exit_code"] == ExitCode.INTERRUPTED


def test_a_full_disk_is_said_once_and_changes_nothing_else(cli, tmp_path, monkeypatch):
    words = ("run", "phantom:skewed", "--sequential", "--json")  # refused in a moment, with two events
    undisturbed = cli(*words, "--events", tmp_path / "events.jsonl")
    assert len(read(tmp_path / "events.jsonl")) == 2
    monkeypatch.setattr("audit.cli.events.open_to_append", lambda _: FileIO("/dev/full", "ab"))
    said = cli(*words, "--events", tmp_path / "events.jsonl")
    assert (said.code, said.out) == (undisturbed.code, undisturbed.out)
    assert said.err.count("No space left on device") == 1
    assert "The run goes on" in said.err


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path):
    path = tmp_path / "events.jsonl"

    class Narrow(FileIO):
        """Takes some of the first line, nothing of the second, and then all."""

        room = 20, 0

        def write(self, data):
            room, self.room = (self.room[0], self.room[1:]) if self.room else (len(data), ())
            return super().write(data[:room])

    file = EventFile(Narrow(path, "ab"), path, Talk(as_json=False))
    for number in range(4):
        file.write("planned", {"number": number})
    file.close()
    whole = [line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    assert [json.loads(line)["number"] for line in whole] == [2, 3]


@pytest.mark.parametrize("inside", ["run/events.jsonl", "run/images/../events.jsonl"])
def test_events_do_not_lie_in_the_run(cli, run_words, tmp_path, inside):
    said = cli(*run_words, "--out", tmp_path / "run", "--events", tmp_path / inside)
    assert said.code == ExitCode.USAGE
    assert "--events" in said.complaint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_before_anything_is_done(cli, run_words, tmp_path, make):
    make(tmp_path / "events")
    said = cli(*run_words, "--out", tmp_path / "run", "--events", tmp_path / "events")
    assert said.code == ExitCode.ENVIRONMENT
    assert str(tmp_path / "events") in said.complaint
    assert not (tmp_path / "run").exists()
