"""Names of the hub: nothing is fetched unless named, and without a network the answer is one paragraph."""

import hashlib
import shutil
import time

import huggingface_hub.constants
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError, RepositoryNotFoundError
from safetensors.torch import load_file

from audit.checkpoints import LoadOptions, hub, load_checkpoint
from audit.errors import EnvironmentProblem, ExitCode, RefusedProblem, UsageProblem


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["hf-hub:org/repo@main", "open_clip:ViT-B-32-quickgelu/openai"])
def test_without_a_network_a_hub_name_says_that_it_needs_one(name):
    started = time.monotonic()
    with pytest.raises(EnvironmentProblem, match="needs the network") as caught:
        load_checkpoint(name)
    assert time.monotonic() - started < 5
    assert caught.value.exit_code is ExitCode.ENVIRONMENT
    assert "\n" not in str(caught.value)


class Hub:
    """A hub of one repository, kept in a cache of links as the real library does."""

    def __init__(self, source, cache):
        self.snapshot = cache / "models--org--repo" / "snapshots" / ("0" * 40)
        self.blobs = cache / "models--org--repo" / "blobs"
        self.snapshot.mkdir(parents=True)
        self.blobs.mkdir()
        for path in source.iterdir():
            blob = self.blobs / hashlib.sha256(path.name.encode()).hexdigest()
            shutil.copy(path, blob)
            (self.snapshot / path.name).symlink_to(blob)
        self.asked = []

    def download(self, repo, name, *, revision, local_files_only):
        assert not local_files_only
        self.asked.append((repo, name, revision))
        if not (self.snapshot / name).exists():
            raise RemoteEntryNotFoundError.__new__(RemoteEntryNotFoundError)
        return str(self.snapshot / name)


@pytest.fixture
def fake_hub(trained_folder, tmp_path, monkeypatch):
    fake = Hub(trained_folder, tmp_path / "cache")
    monkeypatch.setattr(hub, "hf_hub_download", fake.download)
    monkeypatch.setattr(hub, "_can_connect", lambda: True)
    return fake


def test_a_repository_is_loaded_at_the_revision_that_was_named(fake_hub):
    checkpoint = load_checkpoint("hf-hub:org/repo@v1")
    assert "org/repo" in checkpoint.card.lineage
    assert "world:abc" in checkpoint.card.lineage
    assert {revision for _, _, revision in fake_hub.asked} == {"v1", "0" * 40}
    assert not any(name.endswith((".py", ".bin")) for _, name, _ in fake_hub.asked)


def test_a_repository_without_safetensors_is_refused(fake_hub):
    (fake_hub.snapshot / "open_clip_model.safetensors").unlink()
    with pytest.raises(RefusedProblem, match=r"holds none of open_clip_model\.safetensors"):
        load_checkpoint("hf-hub:org/repo@v1")
    with pytest.raises(RefusedProblem, match=r"open_clip_pytorch_model\.bin"):
        load_checkpoint("hf-hub:org/repo@v1", options=LoadOptions(allow_pickle=True))


def test_a_pickle_of_a_repository_loads_where_allowed(fake_hub):
    weights = fake_hub.snapshot / "open_clip_model.safetensors"
    torch.save(load_file(weights), fake_hub.blobs / "pickle")
    weights.unlink()
    (fake_hub.snapshot / "open_clip_pytorch_model.bin").symlink_to(fake_hub.blobs / "pickle")
    assert load_checkpoint("hf-hub:org/repo@v1", options=LoadOptions(allow_pickle=True)).card.image_size == 32


def test_a_cache_that_links_elsewhere_is_refused(fake_hub):
    link = fake_hub.snapshot / "tokenizer.json"
    link.unlink()
    link.symlink_to("/etc/passwd")
    with pytest.raises(RefusedProblem, match="leads out of its folder"):
        load_checkpoint("hf-hub:org/repo@v1")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (RepositoryNotFoundError, UsageProblem),
        (LocalEntryNotFoundError, EnvironmentProblem),
        (ConnectionResetError, EnvironmentProblem),
        (TimeoutError, EnvironmentProblem),
    ],
)
def test_what_the_hub_answers_becomes_one_paragraph(monkeypatch, error, problem):
    def fail(*_, **__):
        raise error.__new__(error)

    monkeypatch.setattr(hub, "hf_hub_download", fail)
    with pytest.raises(problem, match="org/repo"):
        load_checkpoint("hf-hub:org/repo@main")
