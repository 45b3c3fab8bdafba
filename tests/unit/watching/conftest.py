"""A hub and a webhook on loopback, asked by the real clients, and an audit that says what the weights say."""

from __future__ import annotations

import huggingface_hub.constants
import huggingface_hub.utils._http
import pytest
from loopback_hub import Hub, Listener

from audit.checkpoints import hub as checkpoint_hub
from audit.checkpoints.hub import Repository
from audit.errors import RefusedProblem
from audit.watching.audits import Audited


@pytest.fixture
def hub(tmp_path, monkeypatch):
    served = Hub()
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setattr(checkpoint_hub, "ENDPOINT", served.url)
    monkeypatch.setattr("audit.checkpoints.hub_listing.PATIENCE", 0.5)
    monkeypatch.setattr(huggingface_hub.utils._http.time, "sleep", lambda _seconds: None)  # before it tries again
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    checkpoint_hub._can_connect.cache_clear()
    yield served
    served.close()
    checkpoint_hub._can_connect.cache_clear()


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
        changes = None if baseline is None else {"got worse": 1, "got better": 2}
        return Audited(verdict="fail" if "bad" in weights else "pass", changes=changes)


@pytest.fixture
def audit():
    return Reading()
