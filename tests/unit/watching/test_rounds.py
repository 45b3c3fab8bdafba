"""Rounds of a watcher against a hub that changes and fails, and a webhook that does: all is done once, nothing lost."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem
from audit.evidence.folder_lock import lock_folder
from audit.watching.audits import Audited
from audit.watching.ledger import read_ledger
from audit.watching.rounds import Watcher, preview, run_round
from audit.watching.sources_file import read_watch

SOURCES = """
schema_version = 1
most_audits = 2
report_address = "https://reports.example.org/{{run}}/report.html"
[profile.quick]
effort = "quick"
[[source]]
name = "ours"
profile = "quick"
organisation = "org"
[[webhook]]
name = "all"
url = "{url}/all"
[[webhook]]
name = "chat"
form = "slack"
about = "trouble"
url_from = "CHAT"
"""


@pytest.fixture
def watcher(tmp_path, hub, listener, audit, monkeypatch):
    monkeypatch.setenv("CHAT", f"{listener.url}/chat")
    file = tmp_path / "sources.toml"
    file.write_text(SOURCES.format(url=listener.url), encoding="utf-8")
    clock = iter(range(1000))
    return Watcher(
        watch=read_watch(file), file=file, audit=audit, now=lambda: f"2026-11-29T00:{next(clock) // 60:02}:00Z"
    )


def weights(hub, name, text, **more):
    hub.push(name, config__json=b"{}", model__safetensors=text.encode(), **more)


def heard(listener, path):
    return [key for at, key, _ in listener.heard if at == path]


def rounds_1_to_6(watcher, hub):
    assert run_round(watcher).seen == 0  # 1: nothing there
    weights(hub, "org/a", "a1")
    weights(hub, "org/b", "b1")
    assert len(run_round(watcher).concluded) == 2  # 2
    hub.push("org/a", README__md=b"What is new here is this text.")
    assert not run_round(watcher).concluded  # 3: another commit, the same weights
    weights(hub, "org/a", "a2 bad")
    hub.faults = {"/api/models?": 429}
    assert run_round(watcher).troubles  # 4: the hub refuses to list
    hub.faults = {}
    assert [one.verdict for one in run_round(watcher).concluded] == ["fail"]  # 5
    hub.repos["org/c"] = hub.repos.pop("org/b")
    assert not run_round(watcher).concluded  # 6: renamed


def rounds_7_to_10(watcher, hub):
    weights(hub, "org/c", "c2")
    hub.faults = {"/org/c/resolve": "half"}
    assert [one.name for one in run_round(watcher).waiting] == ["org/c"]  # 7: half a file
    hub.faults = {}
    (after,) = run_round(watcher).concluded  # 8: the rest of it, in the line of the old name
    assert (after.name, after.baseline) == ("org/c", read_ledger(watcher.place).last["quick:org/b"])
    del hub.repos["org/a"]
    weights(hub, "org/d", "d1")
    hub.faults = {"/org/d/resolve": 429}
    assert [one.name for one in run_round(watcher).waiting] == ["org/d"]  # 9: one deleted, one that is not sent
    hub.push("org/c", README__md=b"More words.")
    hub.faults = {"/api/models/org/c": "hang"}
    tenth = run_round(watcher)  # 10: one that is slow to answer holds up no other
    assert [one.name for one in tenth.concluded] == ["org/d"]
    assert any("org/c" in one for one in tenth.troubles)


def rounds_11_and_12(watcher, hub, listener):
    hub.faults, listener.faults = {}, {"/all": 500, "/chat": 302}
    for name, text in (("e", "e1"), ("f", "pickled"), ("g", "g1 bad")):
        weights(hub, f"org/{name}", text)
    eleventh = run_round(watcher)  # 11: more than a round audits, one of them broken, and nobody hears
    assert [one.state for one in eleventh.concluded] == ["audited", "broken"]
    assert (len(eleventh.waiting), eleventh.told) == (1, 0)
    listener.faults = {}
    assert [one.name for one in run_round(watcher).concluded] == ["org/g"]  # 12


@pytest.mark.slow
def test_over_twelve_rounds_with_every_fault_each_weight_is_audited_once_and_told_once(watcher, hub, audit, listener):
    rounds_1_to_6(watcher, hub)
    rounds_7_to_10(watcher, hub)
    rounds_11_and_12(watcher, hub, listener)
    ledger = read_ledger(watcher.place)
    done = sorted(text for text, _ in audit.done)
    assert done == sorted(["a1", "b1", "a2 bad", "c2", "d1", "e1", "g1 bad"])
    assert sorted(heard(listener, "/all")) == sorted(ledger.entries)
    trouble = sorted(one.key for one in ledger.entries.values() if one.is_trouble)
    assert sorted(heard(listener, "/chat")) == trouble
    assert not any(one.owed for one in ledger.entries.values())
    assert not run_round(watcher).concluded
    assert len(heard(listener, "/all")) == len(ledger.entries)
    assert "/elsewhere" not in listener.asked


def test_a_notice_tells_verdict_change_and_where_the_report_is(watcher, hub, listener):
    weights(hub, "org/a", "a1")
    run_round(watcher)
    weights(hub, "org/a", "a2 bad")
    run_round(watcher)
    _, _, told = [one for one in listener.heard if one[0] == "/all"][-1]
    assert (told["verdict"], told["name"], told["changes"]) == ("fail", "org/a", {"worse": 1, "better": 2})
    assert told["report"] == f"https://reports.example.org/{told['run']}/report.html"
    assert told["checkpoint"] == f"hf-hub:org/a@{hub.repos['org/a'][-1][0]}"
    ((_, _, chat),) = [one for one in listener.heard if one[0] == "/chat"]
    assert set(chat) == {"text"}
    assert told["report"] in chat["text"]


def test_feeds_hold_every_audit_and_are_the_same_bytes_for_the_same_state(watcher, hub):
    weights(hub, "org/a", "a1")
    run_round(watcher)
    feeds = {name: (watcher.place / name).read_bytes() for name in ("feed.jsonl", "feed.atom")}
    (line,) = feeds["feed.jsonl"].splitlines()
    assert json.loads(line)["id"] in read_ledger(watcher.place).entries
    atom = ET.fromstring(feeds["feed.atom"])  # noqa: S314
    assert len(atom.findall("{http://www.w3.org/2005/Atom}entry")) == 1
    weights(hub, "org/b", "b1")
    run_round(watcher)
    assert (watcher.place / "feed.jsonl").read_bytes().startswith(feeds["feed.jsonl"])


def test_what_cannot_be_fetched_is_given_up_after_the_rounds_that_were_asked_for(watcher, hub, audit):
    watcher = replace(watcher, watch=watcher.watch.model_copy(update={"attempts": 3}))
    weights(hub, "org/a", "a1")
    hub.faults = {"/org/a/resolve": 500}
    states = [[one.state for one in run_round(watcher).concluded] for _ in range(4)]
    assert states == [[], [], ["broken"], []]
    assert not audit.done


def test_what_cannot_be_fetched_holds_up_nothing_else(watcher, hub, audit):
    watcher = replace(watcher, watch=watcher.watch.model_copy(update={"most_audits": 1}))
    weights(hub, "org/a", "a1")
    hub.faults = {"/org/a/resolve": 500}
    run_round(watcher)
    weights(hub, "org/b", "b1")
    run_round(watcher)
    assert audit.done == [("b1", None)]


def test_a_bug_with_one_checkpoint_keeps_no_other_from_being_audited(watcher, hub, audit):
    def failing(checkpoint, *rest):
        if "org/a" in checkpoint:
            raise ZeroDivisionError("a bug")
        return audit(checkpoint, *rest)

    weights(hub, "org/a", "a1")
    weights(hub, "org/b", "b1")
    done = run_round(replace(watcher, audit=failing))
    assert audit.done == [("b1", None)]
    assert any("ZeroDivisionError" in one for one in done.troubles)
    assert [one.name for one in done.waiting] == ["org/a"]


def test_a_look_changes_nothing_and_tells_nobody(watcher, hub, audit, listener):
    weights(hub, "org/a", "a1")
    assert [one.name for one in preview(watcher).waiting] == ["org/a"]
    assert not watcher.place.exists()
    assert not audit.done
    assert not listener.heard


def test_a_second_watcher_does_no_harm(watcher, hub, audit):
    weights(hub, "org/a", "a1")
    run_round(watcher)
    state = (watcher.place / "state.json").read_bytes()
    weights(hub, "org/a", "a2")
    held = lock_folder(watcher.place)
    with pytest.raises(EnvironmentProblem, match="nother"):
        run_round(watcher)
    held.release()
    assert (watcher.place / "state.json").read_bytes() == state
    assert len(audit.done) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from audit.watching.audits import Audited
from audit.watching.rounds import Watcher, run_round
from audit.watching.sources_file import read_watch

class Killed:
    def __call__(self, checkpoint, profile, folder, baseline):
        os.kill(os.getpid(), signal.SIGKILL)

file = Path(sys.argv[1])
run_round(Watcher(watch=read_watch(file), file=file, audit=Killed()))
"""


def test_a_round_that_is_killed_is_taken_up_by_the_next(tmp_path, monkeypatch):
    checkpoint(tmp_path / "models" / "step-1", b"1")
    file = tmp_path / "sources.toml"
    file.write_text(FOLDERS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(file)],
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert done.returncode == -signal.SIGKILL
    audit = Noting()
    watcher = Watcher(watch=read_watch(file), file=file, audit=audit)
    assert [one.attempts for one in read_ledger(watcher.place).waiting()] == [1]
    run_round(watcher)
    assert audit.done == ["step-1"]
    assert read_ledger(watcher.place).waiting() == []


FOLDERS = """
schema_version = 1
most_audits = 1
[profile.quick]
[[source]]
name = "steps"
profile = "quick"
folder = "models"
match = ["step-*"]
"""


class Noting:
    def __init__(self):
        self.done = []

    def __call__(self, checkpoint, _profile, _folder, baseline):
        self.done.append(Path(checkpoint).name)
        return Audited(verdict="none", said="" if baseline is None else f"after {baseline.name}")


def checkpoint(folder, data, **more):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"config.json": b"{}", "model.safetensors": data, **more}.items():
        (folder / name).write_bytes(content)


def test_folders_are_one_line_and_known_by_their_content(tmp_path):
    file = tmp_path / "sources.toml"
    file.write_text(FOLDERS, encoding="utf-8")
    audit = Noting()
    watcher = Watcher(watch=read_watch(file), file=file, audit=audit)
    assert run_round(watcher).troubles  # there is no such folder yet
    for number in (1, 2, 3):
        checkpoint(tmp_path / "models" / f"step-{number}", bytes([number]))
    checkpoint(tmp_path / "models" / "other", b"other")
    checkpoint(tmp_path / "models" / "step-9", bytes([1]))  # a copy
    (tmp_path / "models" / "step-8").mkdir()
    run_round(watcher)
    (tmp_path / "models" / "step-1" / "README.md").write_text("new", encoding="utf-8")
    checkpoint(tmp_path / "models" / "step-3", b"changed before it was audited")
    run_round(watcher)
    run_round(watcher)
    assert audit.done == ["step-9", "step-2", "step-3"]  # the copy has the place of what it is a copy of
    last = read_ledger(watcher.place).concluded()[-1]
    assert last.said.startswith("after ")
    assert run_round(watcher).waiting == []


@pytest.mark.parametrize("source", ['collection = "org/clips-abc"', 'repository = "org/a"'])
def test_collections_and_single_repositories_are_watched_too(watcher, hub, audit, tmp_path, source):
    file = tmp_path / "sources.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('organisation = "org"', source), encoding="utf-8")
    weights(hub, "org/a", "a1")
    run_round(replace(watcher, watch=read_watch(file)))
    assert audit.done == [("a1", None)]
