"""A small suite in the words of the tiny phantom, and a run of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit.checkpoints import LoadOptions
from audit.pipeline import AuditRequest, Outcome, Plan, make_plan, run_audit

SUITE = """
schema_version = 1
name = "{name}"
version = "1.0"
lens = "gender"
purpose = "A few prompts of every role."
source = "None."
licence = "Apache-2.0"
[slots]
profession = [
  {{ concept = "nurse" }},
  {{ concept = "engineer" }},
]
object = [ {{ concept = "red ball" }} ]
[[block]]
role = "subject"
templates = [
  "a photo of {{a_profession}}",
  "a drawing of {{a_profession}}",
  "an image of {{a_profession}}",
  "a portrait of {{a_profession}}",
  "a picture of {{a_profession}}",
]
[[block]]
role = "explicit"
expected = "man"
templates = ["a photo of a male {{profession}}"]
[[block]]
role = "explicit"
expected = "woman"
templates = ["a photo of a female {{profession}}"]
[[block]]
role = "object"
expected = "no_person"
templates = ["a photo of {{a_object}}"]
[[block]]
role = "noise"
expected = "no_person"
templates = ["noise 1"]
"""


class Recorder:
    """Takes everything and keeps it."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.done: dict[str, int] = {}
        self.said: list[str] = []
        self.events: list[tuple[str, dict[str, object]]] = []

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        self.stages.append((stage, total, done))
        self.done[stage] = done

    def advance(self, count: int) -> None:
        self.done[self.stages[-1][0]] += count

    def say(self, text: str) -> None:
        self.said.append(text)

    def happened(self, event: str, **facts: object) -> None:
        self.events.append((event, facts))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="session")
def write_suite(tmp_path_factory) -> Callable[..., Path]:
    def write(name: str = "phantom_small", **replaced: str) -> Path:
        text = SUITE.format(name=name)
        for old, new in replaced.items():
            text = text.replace(old, new)
        path = tmp_path_factory.mktemp("suites") / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def request_for(tiny_folder, write_suite) -> Callable[..., AuditRequest]:
    suite = str(write_suite())

    def ask(**more: object) -> AuditRequest:
        given = {"suites": (suite,), "effort": "quick", "options": LoadOptions(waive_sanity=True)}
        return AuditRequest(**{"checkpoint": str(tiny_folder), **given, **more})

    return ask


@contextmanager
def everything_converges() -> Iterator[None]:
    """The tiny checkpoint tells nothing apart; here its images count, so that what comes after them has work to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.inversion.image_quality._CONVERGED_FROM", -1e9)
        yield


@pytest.fixture(autouse=True)
def everything_counts() -> Iterator[None]:
    with everything_converges():
        yield


@pytest.fixture(scope="session")
def quick_plan(request_for) -> Plan:
    return make_plan(request_for())


@pytest.fixture(scope="session")
def plan(quick_plan) -> Plan:
    """Two steps and many shards."""
    recipe = dataclasses.replace(quick_plan.recipe, steps=2)
    return dataclasses.replace(quick_plan, recipe=recipe, shard_size=5)


@pytest.fixture(scope="session")
def ran_with(plan, tmp_path_factory) -> tuple[Outcome, Recorder]:
    recorder = Recorder()
    with everything_converges():
        return run_audit(plan, tmp_path_factory.mktemp("runs") / "run", recorder), recorder


@pytest.fixture(scope="session")
def ran(ran_with) -> Outcome:
    return ran_with[0]
