"""A card in a pull request: sent by the real client to a hub on loopback; what the model's own card says stays."""

import base64
import json

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from loopback_hub import Served, asked_by_the_real_client

from audit.checkpoints.hub_proposal import merged_card, propose_card
from audit.errors import AuditProblem, ExitCode

OWN = """---
license: mit
tags:
- vision
model-index:
- name: theirs
  results:
  - task:
      type: zero-shot-image-classification
    dataset:
      name: ImageNet
      type: imagenet
    metrics:
    - type: accuracy
      value: 0.7
---

# A model

What its makers say.
"""


def ours(value=0.4):
    result = EvalResult(
        task_type="other", dataset_type="suite", dataset_name="suite", metric_type="lean", metric_value=value,
        source_name="clip-audit", source_url="https://example.org",
    )  # fmt: skip
    data = ModelCardData(tags=["clip-audit"], model_name="ours", eval_results=[result])
    return f"---\n{data.to_yaml()}\n---\n\n## Bias audit\n\nValue {value}.\n"


def test_what_stands_there_stays_and_ours_is_there_once():
    once = merged_card(OWN, ours(0.4))
    twice = merged_card(once, ours(0.5))
    card = ModelCard(twice)
    assert card.text.count("What its makers say.") == 1
    assert card.text.count("## Bias audit") == 1
    assert "Value 0.5." in card.text
    assert card.data.license == "mit"
    assert card.data.tags == ["vision", "clip-audit"]
    assert card.data.model_name == "theirs"
    assert [(one.metric_type, one.metric_value) for one in card.data.eval_results] == [("accuracy", 0.7), ("lean", 0.5)]
    assert merged_card(twice, ours(0.5)) == twice


def test_without_a_card_ours_is_the_first():
    card = ModelCard(merged_card("", ours()))
    assert card.data.model_name == "ours"
    assert "## Bias audit" in card.text


class Taking(Served):
    """A hub that takes proposals."""

    def __init__(self):
        self.readme = OWN.encode()
        self.taken = []
        super().__init__()

    def reply(self, path, body, _headers):
        told = {"X-Repo-Commit": "a" * 40, "ETag": '"1"', "Content-Type": "application/json"}
        if "/resolve/" in path:
            return (200, told, self.readme) if self.readme else (404, {**told, "X-Error-Code": "EntryNotFound"}, b"")
        if "/preupload/" in path:
            files = [{"path": "README.md", "uploadMode": "regular", "shouldIgnore": False}]
            return 200, told, json.dumps({"files": files}).encode()
        if "/commit/" in path:
            lines = [json.loads(line) for line in body.splitlines()]
            self.taken.append((path, lines))
            made = {"commitUrl": f"{self.url}/org/model/commit/{'b' * 40}", "commitOid": "b" * 40}
            return 200, told, json.dumps({**made, "pullRequestUrl": f"{self.url}/org/model/discussions/3"}).encode()
        return 200, told, json.dumps({"errors": [], "warnings": [], "id": "org/model", "sha": "a" * 40}).encode()


@pytest.fixture
def taking(tmp_path, monkeypatch):
    with asked_by_the_real_client(Taking(), monkeypatch, tmp_path / "cache") as served:
        yield served


def test_a_card_is_proposed_and_not_pushed(taking):
    address = propose_card("org/model", ours())
    assert address == f"{taking.url}/org/model/discussions/3"
    ((path, lines),) = taking.taken
    assert path.endswith("create_pr=1")
    (file,) = [line["value"] for line in lines if line["key"] == "file"]
    assert file["path"] == "README.md"
    assert base64.b64decode(file["content"]).decode() == merged_card(OWN, ours())


def test_a_model_without_a_card_gets_one(taking):
    taking.readme = b""
    propose_card("org/model", ours())
    assert len(taking.taken) == 1


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (401, ExitCode.USAGE, "hf auth login"),
        (403, ExitCode.USAGE, "hf auth login"),
        (503, ExitCode.ENVIRONMENT, "later"),
    ],
)
def test_a_refusal_says_what_to_do_and_nothing_is_taken(taking, status, code, remedy):
    taking.faults = {"/api/models/org/model": status}
    with pytest.raises(AuditProblem) as caught:
        propose_card("org/model", ours())
    assert caught.value.exit_code is code
    assert remedy in caught.value.remedy
    assert not taking.taken


def test_metadata_that_is_none_is_left_alone(taking):
    taking.readme = b"---\n- a list\n---\ntext"
    with pytest.raises(AuditProblem, match="metadata"):
        propose_card("org/model", ours())
    assert not taking.taken
