"""Rounds of a watcher over a registry of MLflow: the weights of each version once, data alone, no fault lost."""

from __future__ import annotations

import resource
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.opening import files_below
from audit.watching.audits import Audited
from audit.watching.ledger import read_ledger
from audit.watching.registries import open_registry
from audit.watching.rounds import Watcher, preview, run_round
from audit.watching.sources_file import read_watch
from tests.fake_mlflow import ADDRESS, CLIP, Fake, forbidden, unreachable

SOURCES = f"""
schema_version = 1
most_audits = 2
attempts = 3
[profile.quick]
[[source]]
name = "registered"
profile = "quick"
tracking_uri = "{ADDRESS}"
match = ["clip*"]
[[source]]
name = "steps"
profile = "quick"
folder = "models"
"""


class Reading:
    """An audit that notes the files of what it is given, and where it lay."""

    def __init__(self):
        self.done = []
        self.places = []
        self.fault = None

    def __call__(self, checkpoint, _profile, _folder, baseline):
        self.places.append(checkpoint)
        if self.fault is not None:
            raise self.fault
        files = {str(path.relative_to(checkpoint)): path.read_bytes() for path in files_below(Path(checkpoint))}
        self.done.append((files, None if baseline is None else baseline.name))
        return Audited(verdict="pass")

    @property
    def weights(self):
        return [files["open_clip_model.safetensors"] for files, _ in self.done]


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
def audit():
    return Reading()


@pytest.fixture
def watcher(tmp_path, fake, audit):
    (tmp_path / "models").mkdir()
    file = tmp_path / "sources.toml"
    file.write_text(SOURCES, encoding="utf-8")
    return Watcher(watch=read_watch(file), file=file, audit=audit, registry=lambda _: fake.registry)


def clip(weights, **more):
    return {**CLIP, "open_clip_model.safetensors": weights, **more}


def filtered(watcher, **filters):
    first, *rest = watcher.watch.source
    changed = [first.model_copy(update=filters), *rest]
    return replace(watcher, watch=watcher.watch.model_copy(update={"source": changed}))


def test_each_weights_are_audited_once_whatever_version_they_are_registered_as(watcher, fake, audit):
    fake.register("clip", clip(b"one"))
    run_round(watcher)
    assert not run_round(watcher).concluded
    fake.register("clip", clip(b"one", README__md=b"said anew"))
    run_round(watcher)  # fetched once to see it, and no more
    sent = len(fake.sent)
    assert (run_round(watcher).concluded, run_round(watcher).waiting, len(fake.sent)) == ([], [], sent)
    fake.register("clip", clip(b"two"))
    (third,) = run_round(watcher).concluded
    assert audit.weights == [b"one", b"two"]
    assert (third.checkpoint, third.baseline) == ("models:/clip/3", read_ledger(watcher.place).concluded()[0].run)


def test_the_same_files_in_a_folder_and_in_a_registry_are_one_checkpoint(watcher, fake, audit, tmp_path):
    folder = tmp_path / "models" / "step-1"
    folder.mkdir()
    for name, content in CLIP.items():
        (folder / name).write_bytes(content)
    fake.register("clip", {f"artefacts/clip/{name}": content for name, content in CLIP.items()})
    assert len(preview(watcher).waiting) == 2  # nobody knows yet
    run_round(watcher)
    run_round(watcher)
    assert len(audit.done) == 1
    assert len(read_ledger(watcher.place).entries) == 1


def test_nothing_stays_of_what_was_fetched_and_a_look_fetches_nothing(watcher, fake, audit):
    fake.register("clip")
    assert [one.checkpoint for one in preview(watcher).waiting] == ["models:/clip/1"]
    assert not fake.sent
    left = watcher.place / "fetched" / "of a round that was killed"
    left.mkdir(parents=True)
    run_round(watcher)
    assert not (watcher.place / "fetched").exists()
    assert not Path(audit.places[0]).exists()


def test_an_audit_that_is_taken_up_again_finds_its_checkpoint_in_the_same_place(watcher, fake, audit):
    fake.register("clip")
    audit.fault = EnvironmentProblem("The disk is full.", remedy="Free some.")
    first = run_round(watcher)
    assert [one.state for one in first.waiting] == ["waiting"]
    audit.fault = None
    (done,) = run_round(watcher).concluded
    assert len(set(audit.places)) == 1
    assert done.run == first.waiting[0].run


def test_files_that_change_under_a_version_are_another_checkpoint(watcher, fake, audit):
    fake.register("clip", clip(b"one"), place="mlflow-artifacts:/1/x")
    audit.fault = EnvironmentProblem("The disk is full.", remedy="Free some.")
    (before,) = run_round(watcher).waiting
    fake.places["mlflow-artifacts:/1/x"] = clip(b"two")
    audit.fault = None
    (after,) = run_round(watcher).concluded
    assert (after.key == before.key, after.run == before.run) == (False, False)
    assert len(read_ledger(watcher.place).entries) == 1


def test_a_model_that_is_renamed_or_registered_anew_with_the_same_weights_goes_on_in_its_line(watcher, fake, audit):
    fake.register("clip", clip(b"one"))
    (first,) = run_round(watcher).concluded
    del fake.registered["clip"]
    fake.register("clip-b", clip(b"one"))
    run_round(watcher)
    fake.register("clip-b", clip(b"two"))
    (second,) = run_round(watcher).concluded
    assert second.baseline == first.run


def test_of_models_that_match_the_newest_version_that_is_ready_or_the_one_with_the_alias(watcher, fake, audit):
    fake.register("bert", clip(b"no"))
    for name in ("clip-a", "clip-b", "clip-c"):  # more than a page
        fake.register(name, clip(name.encode()))
    fake.register("clip-a", clip(b"not yet"), status="PENDING_REGISTRATION")
    assert [one.checkpoint for one in preview(watcher).waiting] == [f"models:/clip-{x}/1" for x in "abc"]
    fake.register("clip-b", clip(b"b2"), aliases=["candidate"], modality="clip")
    fake.register("clip-b", clip(b"b3"), modality="text")
    aliased = filtered(watcher, alias="candidate")
    assert [one.checkpoint for one in preview(aliased).waiting] == ["models:/clip-b/2"]
    tagged = filtered(watcher, tags={"modality": "clip"})
    assert [one.checkpoint for one in preview(tagged).waiting] == ["models:/clip-b/2"]
    assert not preview(filtered(watcher, alias="candidate", tags={"modality": "text"})).waiting


def test_a_registry_that_does_not_answer_is_one_line_and_holds_up_nothing_else(watcher, fake, audit, tmp_path):
    folder = tmp_path / "models" / "step-1"
    folder.mkdir()
    for name, content in CLIP.items():
        (folder / name).write_bytes(content)
    fake.register("clip")
    fake.faults = {"all": unreachable()}
    done = run_round(watcher)
    assert len(done.concluded) == 1
    (said,) = done.troubles
    assert said.startswith("registered: https://mlflow.example.org could not be asked")
    assert "secret" not in said
    assert "\n" not in said


def test_a_model_that_is_closed_to_the_user_holds_up_no_other(watcher, fake, audit):
    fake.register("clip-a", clip(b"a"))
    fake.register("clip-b", clip(b"b"))
    fake.faults = {"clip-a": forbidden()}
    done = run_round(watcher)
    assert audit.weights == [b"b"]
    assert ["MLFLOW_TRACKING_TOKEN" in one for one in done.troubles] == [True]


def test_half_a_file_waits_behind_what_was_tried_less_often_and_is_given_up_in_the_end(watcher, fake, audit):
    watcher = replace(watcher, watch=watcher.watch.model_copy(update={"most_audits": 1}))
    fake.register("clip-a", clip(b"half"))
    fake.said_sizes = {"open_clip_model.safetensors": 1000}
    assert "4 of 1,000 bytes" in run_round(watcher).troubles[0]
    fake.said_sizes = {}
    fake.register("clip-b", clip(b"b"))
    run_round(watcher)
    assert audit.weights == [b"b"]
    fake.said_sizes = {"open_clip_model.safetensors": 1000}
    states = [[one.state for one in run_round(watcher).concluded] for _ in range(3)]
    assert states == [[], ["broken"], []]


def test_more_than_there_is_room_for_is_not_begun(watcher, fake, audit, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**31))
    fake.register("clip")
    fake.said_sizes = {"open_clip_model.safetensors": 2**35}
    (said,) = run_round(watcher).troubles
    assert "left" in said
    fake.said_sizes = {"open_clip_model.safetensors": 2**40}
    assert [one.state for one in run_round(watcher).concluded] == ["broken"]
    assert not fake.sent


def test_a_file_that_does_not_end_is_broken_off_and_waits(watcher, fake, audit):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    fake.register("clip")
    fake.endless = {"open_clip_model.safetensors"}
    done = run_round(watcher)
    assert [one.state for one in done.waiting] == ["waiting"]
    assert not any("arrived with" in one for one in done.troubles)  # which would be: after all of it
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == limits
    fake.endless = set()
    assert len(run_round(watcher).concluded) == 1


def test_a_version_that_is_gone_before_its_turn_is_told_as_broken(watcher, fake, audit):
    watcher = replace(watcher, watch=watcher.watch.model_copy(update={"most_audits": 1}))
    fake.register("clip-a", clip(b"a"))
    fake.register("clip-b", clip(b"b"))
    run_round(watcher)
    del fake.registered["clip-b"]
    (gone,) = run_round(watcher).concluded
    assert (gone.checkpoint, gone.state) == ("models:/clip-b/1", "broken")


@pytest.fixture
def fetch(fake, tmp_path):
    def fetching(files=CLIP, **more):
        fake.register("clip", files, **more)
        version = fake.registry.newest("clip", alias=None, tags={})
        folder = tmp_path / "fetched"
        folder.mkdir(exist_ok=True)
        found = fake.registry.fetch(version.checkpoint, version.commit, folder)
        return sorted(str(path.relative_to(found)) for path in files_below(found))

    return fetching


def test_only_what_a_checkpoint_is_made_of_is_fetched(fetch, fake):
    more = {"MLmodel": b"loader_module: evil", "code/loader.py": b"import os", ".git/config.json": b"{}"}
    assert fetch({**CLIP, **more, "python_env.yaml": b"", "tokenizer.json": b"{}"}) == [*sorted(CLIP), "tokenizer.json"]
    assert not {name.rpartition("/")[2] for name in fake.sent} & {"MLmodel", "loader.py"}


def test_the_flavour_of_transformers_has_its_tokenizer_among_its_weights(fetch):
    files = ("model/config.json", "model/model.safetensors", "components/tokenizer/tokenizer.json")
    files += ("components/image_processor/preprocessor_config.json", "MLmodel", "model_card_data.yaml")
    found = fetch({f"deep/{name}": b"{}" for name in files})
    assert found == ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]


@pytest.mark.parametrize(
    "place",
    [
        "https://elsewhere.example.org/api/2.0/mlflow-artifacts/artifacts/1",
        "http://mlflow.example.org/api/2.0/mlflow-artifacts/artifacts/1",
        "https://mlflow.example.org:8443/1",
        "mlflow-artifacts://elsewhere.example.org/1",
        "ftp://mlflow.example.org/1",
        "dbfs:/1",
    ],
)
def test_no_other_server_is_asked_for_artefacts_as_it_would_see_the_token(fetch, fake, place):
    with pytest.raises(RefusedProblem, match="lie"):
        fetch(place=place)
    assert fake.asked == 0


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"model.safetensors": b""}, "neither"),
        ({}, "neither"),
        ({"a/config.json": b"{}", "b/config.json": b"{}"}, "several"),
        ({**CLIP, "a/../../../etc/x.json": b""}, "called"),
        ({**CLIP, "a\u202eb/x.json": b""}, "called"),
        ({**CLIP, **{f"{number}.txt": b"" for number in range(2001)}}, "too many"),
    ],
)
def test_what_holds_no_one_checkpoint_or_leads_elsewhere_is_refused(fetch, fake, files, said):
    with pytest.raises(RefusedProblem, match=said):
        fetch(files)
    assert not fake.sent


def test_a_model_with_a_name_that_could_be_more_than_one_is_not_asked_about(fake):
    for name in ("x' OR name LIKE '%", "../x", "a/b", "", "a\nb", "a\u202eb"):
        with pytest.raises(UsageProblem, match="not taken"):
            fake.registry.newest(name, alias=None, tags={})


def test_a_client_library_that_is_missing_is_named_with_a_way_round_it(fake, tmp_path):
    fake.register("clip", place="s3://bucket/clip")
    version = fake.registry.newest("clip", alias=None, tags={})

    def missing(place):
        raise ModuleNotFoundError("No module named 'botocore'")

    with pytest.raises(EnvironmentProblem, match=r"boto3 for s3:.*mlflow server"):
        replace(fake.registry, repository=missing).fetch(version.checkpoint, version.commit, tmp_path)


def test_the_real_client_says_in_one_paragraph_that_nobody_answers(tmp_path, monkeypatch, audit):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HOME", "http://me:secret@127.0.0.1:9")
    file = tmp_path / "sources.toml"
    text = SOURCES.replace(f'tracking_uri = "{ADDRESS}"', 'tracking_uri_from = "MLFLOW_HOME"')
    file.write_text(text, encoding="utf-8")
    (tmp_path / "models").mkdir()
    (said,) = run_round(Watcher(watch=read_watch(file), file=file, audit=audit)).troubles
    assert "http://127.0.0.1:9" in said
    assert "secret" not in said
    monkeypatch.delenv("MLFLOW_HOME")
    (said,) = run_round(Watcher(watch=read_watch(file), file=file, audit=audit)).troubles
    assert "MLFLOW_HOME" in said


def test_without_the_package_the_extra_is_named_and_the_other_sources_go_on(watcher, audit, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "audit.watching.mlflow_registry")
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    folder = tmp_path / "models" / "step-1"
    folder.mkdir()
    for name, content in CLIP.items():
        (folder / name).write_bytes(content)
    (said,) = run_round(replace(watcher, registry=open_registry)).troubles
    assert "clip-audit[mlflow]" in said
    assert len(audit.done) == 1
