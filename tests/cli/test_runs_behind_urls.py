"""Run folders behind a URL: made, resumed, listed, decided and labelled there as on a disk, by one driver at a time."""

import contextlib
import datetime as dt
import json
import shutil
import threading
import time
import zipfile

import fsspec
import pytest

from audit.carriers import CARRIERS
from audit.errors import EnvironmentProblem, ExitCode, UsageProblem
from audit.evidence import open_run, read_run
from audit.evidence.folder_lock import LockTaken, lock_folder
from audit.evidence.specs import read_spec
from audit.evidence.working_copies import STALE_S, Lease, WorkingCopy, working_copy
from audit.labelling.label_session import begin_session, make_label_folder
from tests.kept_run import KEPT, POLICY

DATED = {"report.html", "run.json", "junit.xml", "summary.md"}
"""Files with the day, or the digest of one that has it."""


def contents(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if not path.name.startswith(".")}


def undated(folder):
    return {name: content for name, content in contents(folder).items() if name not in DATED}


@pytest.fixture
def bucket(tmp_path):
    """A folder, and the URL that it is named by."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder, f"file://{folder}"


@pytest.fixture
def kept(bucket):
    """A finished run of the first release that lies behind a URL."""
    shutil.copytree(KEPT, bucket[0] / "kept")
    return f"{bucket[1]}/kept"


@pytest.fixture
def memory():
    """What keeps objects, as a bucket does."""
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def test_a_run_behind_a_url_is_that_of_a_folder(cli, run_words, run_folder, bucket):
    said = cli(*run_words, "--out", f"{bucket[1]}/mine", "--json")
    assert said.code == ExitCode.INCONCLUSIVE, said.err
    assert undated(bucket[0] / "mine") == undated(run_folder)
    assert said.json["folder"] == f"{bucket[1]}/mine"
    assert "clip-audit-copy-" not in said.out + said.err
    assert [path.name for path in (bucket[0] / "mine").iterdir() if path.name.startswith(".")] == []
    assert cli("verify", bucket[0] / "mine").code == cli("verify", f"{bucket[1]}/mine/").code == ExitCode.OK
    assert not CARRIERS


def test_objects_of_a_bucket_do_as_files(cli, run_words, run_folder, memory, tmp_path):
    assert cli(*run_words, "--out", f"{memory}/mine").code == ExitCode.INCONCLUSIVE
    fsspec.filesystem("memory").get("/bucket/mine", str(tmp_path / "here"), recursive=True)
    assert undated(tmp_path / "here") == undated(run_folder)


@pytest.mark.parametrize("sent", [0, 2, 5, 12])
def test_a_run_whose_network_fails_goes_on_elsewhere(sent, cli, run_words, run_folder, bucket, monkeypatch):
    put, left = WorkingCopy.written, [sent]

    def written(copy, path):
        if not left[0]:
            raise EnvironmentProblem("The network is gone.", remedy="Mend it.")
        left[0] -= 1
        put(copy, path)

    with monkeypatch.context() as patch:
        patch.setattr(WorkingCopy, "written", written)
        said = cli(*run_words, "--out", f"{bucket[1]}/mine")
        assert said.code == ExitCode.ENVIRONMENT
        assert "The network is gone" in said.err
    assert not (bucket[0] / "mine" / "run.json").exists()
    assert cli(*run_words, "--out", f"{bucket[1]}/mine").code == ExitCode.INCONCLUSIVE
    assert undated(bucket[0] / "mine") == undated(run_folder)


def test_what_is_there_at_every_moment_is_what_is_here(bucket, kept, monkeypatch):
    """The order of a disk is kept: ``run.json`` goes first and comes last."""
    seen = []
    for name in ("written", "removed"):
        do = getattr(WorkingCopy, name)

        def then(copy, path, do=do, name=name):
            do(copy, path)
            seen.append((name, path.name, {one.name for one in (bucket[0] / "kept").iterdir()}))

        monkeypatch.setattr(WorkingCopy, name, then)
    with working_copy(kept) as folder, open_run(folder, read_spec(folder)) as run:
        run.reopen()
        run.write_text("findings.json", "[]")
        run.finish()
        assert contents(folder) == contents(bucket[0] / "kept")
    done = [(what, name) for what, name, _ in seen if name != ".lock"]
    assert done == [
        ("written", ".reopened.json"), ("removed", "run.json"), ("written", "findings.json"), ("written", "run.json"),
        ("removed", ".reopened.json"),
    ]  # fmt: skip
    assert all({"run.json", ".reopened.json"} & there for _, _, there in seen)


def test_parts_on_machines_of_their_own_make_the_run_of_one(cli, run_words, run_folder, bucket):
    url = f"{bucket[1]}/mine"
    assert cli(*run_words, "--out", url, "--shard", "2/2").code == ExitCode.OK
    listed = cli("runs", "list", bucket[1], "--json").json["runs"]
    assert [(one["run"], one["state"]) for one in listed] == [(url, "unfinished")]
    assert "part 1 lacks" in listed[0]["missing"]
    assert f"--out {url} --shard 1/2" in listed[0]["next"]
    assert cli("report", url).code == ExitCode.INCONCLUSIVE
    assert not (bucket[0] / "mine" / "findings.json").exists()
    assert cli(*run_words, "--out", url, "--shard", "1/2").code == ExitCode.OK
    assert cli("report", url).code == ExitCode.INCONCLUSIVE
    for name in ("findings.json", "decision.json"):
        assert (bucket[0] / "mine" / name).read_bytes() == (run_folder / name).read_bytes()


def test_a_baseline_behind_a_url_is_found_beside_the_run(cli, bucket, kept, tmp_path):
    """That it is of the same checkpoint is seen only once it is read."""
    shutil.copytree(KEPT, bucket[0] / "before")
    (tmp_path / "policy.toml").write_text(POLICY)
    said = cli("gate", kept, "--policy", tmp_path / "policy.toml", "--baseline", f"{bucket[1]}/before")
    assert said.code == ExitCode.USAGE
    assert f"{bucket[1]}/before is the run that is to be compared with it, or one of the same" in said.complaint
    with working_copy(kept) as folder:
        assert read_run(folder.with_name("before"), finished=True).is_finished


def test_what_is_made_beside_a_run_goes_there(cli, bucket, kept):
    assert cli("report", kept).code == ExitCode.INCONCLUSIVE
    assert cli("card", kept).code == ExitCode.OK
    assert (bucket[0] / "kept" / "model_card.md").is_file()
    assert cli("report", kept, "--pseudonymise").code == ExitCode.INCONCLUSIVE
    assert (bucket[0] / "kept-pseudonymised" / "report.html").is_file()
    assert cli("report", kept, "--out", f"{bucket[1]}/copy").code == ExitCode.INCONCLUSIVE
    assert (bucket[0] / "copy" / "contents.json").is_file()


def test_runs_behind_urls_are_compared_and_listed(cli, bucket, kept):
    shutil.copytree(KEPT, bucket[0] / "other")
    said = cli("compare", kept, f"{bucket[1]}/other", "--out", f"{bucket[1]}/changes", "--json")
    assert said.code == ExitCode.INCONCLUSIVE, said.err  # controls of a run so small
    assert (bucket[0] / "changes" / "changes.json").is_file()
    listed = cli("runs", "list", bucket[1], "--json").json["runs"]
    assert [(one["run"], one["state"]) for one in listed] == [(kept, "finished"), (f"{bucket[1]}/other", "finished")]


def test_a_second_driver_is_refused_and_a_dead_one_is_not_waited_for(cli, bucket, kept, monkeypatch):
    with working_copy(kept) as folder, open_run(folder, read_spec(folder)):
        (lock,) = bucket[0].glob("kept/.lock")
        with monkeypatch.context() as patch:  # as in another process
            patch.setattr("audit.evidence.working_copies.CARRIERS", {})
            said = cli("report", kept)
        assert said.code == ExitCode.ENVIRONMENT
        assert "Another clip-audit process" in said.complaint
        assert kept in said.complaint
        held = json.loads(lock.read_text())
    assert not lock.exists()
    at = dt.datetime.fromisoformat(held["at"]) - dt.timedelta(seconds=STALE_S + 1)
    lock.write_text(json.dumps({**held, "at": at.isoformat()}))
    assert cli("report", kept).code == ExitCode.INCONCLUSIVE
    assert not lock.exists()


def test_who_gets_the_lock_sees_what_others_did_since_it_was_fetched(cli, bucket, kept):
    assert cli("report", kept).code == ExitCode.INCONCLUSIVE
    with working_copy(kept) as folder:
        (bucket[0] / "kept" / "findings.json").write_text("[1]")
        (bucket[0] / "kept" / "summary.md").unlink()
        (bucket[0] / "kept" / "note.md").write_text("new")
        lock = lock_folder(folder)
        assert contents(folder) == contents(bucket[0] / "kept")
        lock.release()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"at": "yesterday"}', '{"at": "2000-01-01"}', '{"at": null}'])
def test_a_lock_that_says_nothing_holds_nobody_off(content, cli, bucket, kept):
    (bucket[0] / "kept" / ".lock").write_text(content)
    assert cli("report", kept).code == ExitCode.INCONCLUSIVE


def test_a_whole_run_waits_for_no_part_that_is_at_work(cli, bucket, kept):
    now = dt.datetime.now(dt.UTC).isoformat()
    (bucket[0] / "kept" / ".part-2.lock").write_text(json.dumps({"driver": "x", "host": "y", "at": now}))
    said = cli("report", kept)
    assert said.code == ExitCode.ENVIRONMENT
    assert "part 2" in said.complaint


def test_a_driver_that_was_taken_for_dead_writes_nothing_more(bucket, kept, monkeypatch):
    monkeypatch.setattr("audit.evidence.working_copies.BEAT_S", 0.01)
    with working_copy(kept) as folder, open_run(folder, read_spec(folder)) as run:
        run.reopen()
        (lock,) = bucket[0].glob("kept/.lock")
        lock.write_text(json.dumps({"driver": "another", "at": dt.datetime.now(dt.UTC).isoformat()}))
        beats = [one for one in threading.enumerate() if one.name == "lease"]
        for beat in beats:
            beat.join(timeout=30)
        with pytest.raises(EnvironmentProblem, match="took over"):
            run.write_text("note.md", "x")
    assert json.loads(lock.read_text())["driver"] == "another"


def test_a_lease_gives_signs_of_life_and_outlives_silence_of_the_network(tmp_path, monkeypatch):
    monkeypatch.setattr("audit.evidence.working_copies.BEAT_S", 0.01)
    written, enough = [], threading.Event()

    def write(_place, said, *, new):
        if len(written) == 1:
            written.append(said)
            raise EnvironmentProblem("Silence.", remedy="Wait.")
        written.append(said)
        if len(written) > 3:
            enough.set()
        return True

    lease = Lease(
        lambda _: written[-1] if written else None, write, lambda _: None, tmp_path, LockTaken("x", remedy="y")
    )
    assert enough.wait(30)
    lease.check_held()
    lease.release()


def test_a_sign_of_life_that_is_being_given_does_not_bring_a_released_lock_back(tmp_path, monkeypatch):
    monkeypatch.setattr("audit.evidence.working_copies.BEAT_S", 0.01)
    there, done, is_slow = [], [], threading.Event()

    def write(_place, said, *, new):
        if not new:
            is_slow.set()
            time.sleep(0.2)
        there[:] = [said]
        done.append("written")
        return True

    def remove(_place):
        there.clear()
        done.append("removed")

    lease = Lease(lambda _: there[0] if there else None, write, remove, tmp_path, LockTaken("x", remedy="y"))
    assert is_slow.wait(30)
    monkeypatch.setattr("audit.evidence.working_copies.BEAT_S", 30.0)
    lease.release()
    assert there == []
    assert done[-1] == "removed"


def test_of_two_who_take_a_lock_at_once_one_is_refused(tmp_path):
    with pytest.raises(LockTaken):
        Lease(lambda _: None, lambda *_, new: not new, lambda _: None, tmp_path, LockTaken("x", remedy="y"))


def test_names_that_lead_elsewhere_and_halves_are_not_brought(bucket, kept):
    (bucket[0] / "kept" / ".tmp-half").write_text("x")
    (bucket[0] / "outside").write_text("x")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as held:
        system = fsspec.filesystem("file")
        find = type(system).find

        def with_more(self, path, **given):
            return {
                **find(self, path, **given),
                f"{path}/../outside": {"type": "file"},
                f"{path}/a\0b": {"type": "file"},
            }

        patch.setattr(type(system), "find", with_more)
        folder = held.enter_context(working_copy(kept))
        assert sorted(contents(folder)) == sorted(contents(KEPT))
        assert not (folder / ".tmp-half").exists()
        assert not (folder.parent / "outside").exists()


def test_a_run_in_an_archive_is_read_and_not_written(cli, tmp_path):
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        for name, content in contents(KEPT).items():
            archive.writestr(f"kept/{name}", content)
    url = f"zip://kept::file://{tmp_path}/runs.zip"
    assert cli("verify", url).code == ExitCode.OK
    said = cli("report", url)
    assert said.code == ExitCode.ENVIRONMENT
    assert "could not be written" in said.complaint


@pytest.mark.parametrize(
    "url", ["nonsense://a/b", "s3://", "file:///", "memory://", "://x/y", "file://" + "a" * 300 + "/b"]
)
def test_urls_that_name_no_run_are_refused(url, cli, run_words):
    said = cli("verify", url)
    assert said.code in {ExitCode.USAGE, ExitCode.ENVIRONMENT}, said.err
    assert said.complaint


def test_a_password_in_a_url_is_not_said(cli):
    said = cli("verify", "ftp://me:secret@127.0.0.1:1/runs/mine")
    assert said.code == ExitCode.ENVIRONMENT
    assert "secret" not in said.err


def test_a_notebook_opens_runs_behind_urls(cli, bucket, kept):
    import audit

    assert cli("report", kept).code == ExitCode.INCONCLUSIVE
    assert len(audit.open_run(kept).findings)
    with pytest.raises(UsageProblem):
        audit.open_run(f"{bucket[1]}/nothing")


def test_labels_are_there_as_they_come(cli, bucket, kept):
    assert cli("report", kept).code == ExitCode.INCONCLUSIVE
    for done in range(3):
        with working_copy(kept) as run:
            folder = run.with_name("kept-labels")
            make_label_folder(folder)
            lock = lock_folder(folder)
            session = begin_session(run, folder, "me", 2)
            assert session.done == done
            asked = session.next
            if asked is not None:
                session.answer(asked.place, asked.asked.question, next(iter(asked.asked.answers)))
            assert contents(folder) == contents(bucket[0] / "kept-labels")
            lock.release()
