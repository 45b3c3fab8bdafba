"""A hub and a webhook on loopback, asked by the real clients, and an audit that says what the weights say."""

from __future__ import annotations

import pytest
from loopback_hub import Hub, Listener, asked_by_the_real_client

from audit.checkpoints.hub import Repository
from audit.errors import RefusedProblem
from audit.watching.audits import Audited


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr("audit.checkpoints.hub_listing.PATIENCE", 0.5)
    with asked_by_the_real_client(Hub(), monkeypatch, tmp_path / "cache") as served:
        yield served


@pytest.fixture
def listener():
    served = Listener()
    yield served
    served.close()


class Reading:
    """An audit that fetches the weights, as a whole one does, and takes its verdict from them."""

    def __init__(self):
        self.done = []

    def __call__(self, checkpoint, _profile, _folder, baseline):
        repo, _, commit = checkpoint.removeprefix("hf-hub:").partition("@")
        weights = Repository(repo=repo, revision=commit).first_of(["model.safetensors"]).read_bytes().decode()
        if weights == "pickled":
            raise RefusedProblem(f"{repo} is refused.", remedy="Save it otherwise.")
        self.done.append((weights, None if baseline is None else baseline.name))
        changes = None if baseline is None else {"worse": 1, "better": 2}
        return Audited(verdict="fail" if "bad" in weights else "pass", changes=changes)


@pytest.fixture
def audit():
    return Reading()
