"""Every text is read once, before the first image; a suite of texts alone makes a whole run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from audit.checkpoints import Checkpoint
from audit.evidence import TEXT_SHARD, continue_run, load_evidence, open_run, prompts_table, read_run
from audit.inversion import Inverter
from audit.lenses.common.cards import LensCard
from audit.pipeline import Outcome, Plan, Silence, make_plan, predict, probe, report_again, run_audit, work_left
from audit.pipeline.execute import embed_texts, texts_to_read, wanted_texts
from audit.records import Verdict

TEXTS = """
schema_version = 1
name = "phantom_words"
version = "1.0"
lens = "none"
purpose = "Texts that are only read."
source = "None."
licence = "Apache-2.0"
[[block]]
role = "text"
templates = ["a photo of a nurse", "an engineer"]
"""


class Wanting:
    """A lens that wants two words, one of which the tiny checkpoint does not know."""

    card = LensCard(name="wanting", question="Which words?", metrics=())

    def examine(self, evidence, *, level=0.95):
        raise NotImplementedError

    def wants(self, prompts) -> tuple[str, ...]:
        assert {"text", "lens"} <= set(prompts.columns)
        return ("nurse", "xylophone")


@pytest.fixture(scope="module")
def screen_plan(tmp_path_factory, request_for) -> Plan:
    suite = tmp_path_factory.mktemp("suites") / "words.toml"
    suite.write_text(TEXTS, encoding="utf-8")
    return make_plan(request_for(suites=(str(suite),)))


@pytest.fixture(scope="module")
def screen(screen_plan, tmp_path_factory) -> Outcome:
    return run_audit(screen_plan, tmp_path_factory.mktemp("runs") / "screen", Silence())


def test_every_worded_prompt_of_a_run_is_embedded(ran, plan):
    texts = load_evidence(read_run(ran.folder)).texts
    worded = [prompt.text for prompt in plan.prompts if prompt.role != "noise"]
    expected = plan.checkpoint.encode_text(worded).numpy()
    np.testing.assert_allclose(texts.of(worded), expected, atol=1e-5)
    assert "noise 1" not in texts


def test_tokens_and_unknown_words_are_those_of_the_tokenizer(ran, plan):
    texts = load_evidence(read_run(ran.folder)).texts
    assert texts.tokens.tolist() == [plan.checkpoint.count_tokens(text) for text in texts.texts]
    assert not texts.unknown.any()


def test_what_a_lens_wants_is_embedded_as_far_as_the_checkpoint_knows_it(quick_plan, monkeypatch):
    monkeypatch.setattr("audit.pipeline.execute.LENSES", {"wanting": Wanting()})
    texts = texts_to_read(quick_plan)
    assert "nurse" in texts
    assert "xylophone" not in texts


def test_only_lenses_that_want_texts_are_asked(quick_plan, monkeypatch):
    monkeypatch.setattr("audit.pipeline.execute.LENSES", {"plain": object(), "wanting": Wanting()})
    assert wanted_texts(prompts_table(quick_plan.prompts)) == ("nurse", "xylophone")


def test_texts_that_are_there_are_not_read_again(plan, ran, tmp_path, monkeypatch):
    copy = shutil.copytree(ran.folder, tmp_path / "copy")
    monkeypatch.setattr(Checkpoint, "encode_text", None)
    with continue_run(copy) as run:
        run.reopen()
        embed_texts(run, plan, Silence())


def test_texts_that_are_missing_are_made_again_the_same(plan, ran, tmp_path):
    with open_run(tmp_path / "run", plan.spec()) as run:
        embed_texts(run, plan, Silence())
        again = run.shard_path(*TEXT_SHARD).read_bytes()
    assert again == read_run(ran.folder).shard_path(*TEXT_SHARD).read_bytes()


def test_texts_of_fewer_lenses_are_read_anew(plan, ran, tmp_path, monkeypatch):
    copy = shutil.copytree(ran.folder, tmp_path / "copy")
    with continue_run(copy) as run:
        run.reopen()
        monkeypatch.setattr("audit.pipeline.execute.LENSES", {"wanting": Wanting()})
        embed_texts(run, plan, Silence())
        assert "nurse" in load_evidence(run).texts


def test_a_screen_makes_no_image_and_is_a_finished_run(screen, monkeypatch):
    read_run(screen.folder, finished=True).verify()
    assert screen.evidence.images.empty
    assert not screen.evidence.judges
    assert (screen.folder / "report.pdf").is_file()


def test_a_screen_is_inconclusive_since_no_control_was_measured(screen):
    assert screen.decision.verdict is Verdict.INCONCLUSIVE


def test_a_screen_asks_for_no_judge_and_warns_of_none(screen_plan):
    assert (dict(screen_plan.judges), screen_plan.warnings, screen_plan.items) == ({}, (), ())


def test_a_screen_is_reported_again(screen, tmp_path, monkeypatch):
    copy: Path = shutil.copytree(screen.folder, tmp_path / "copy")
    monkeypatch.setattr(Inverter, "make", None)
    assert report_again(copy, Silence()).findings == screen.findings


def test_what_a_screen_costs_can_be_told(screen_plan):
    left = work_left(screen_plan, None)
    assert (left.texts, left.shards) == (2, ())
    forecast = predict(left, probe(screen_plan), loading=0.0)
    assert forecast.reading > 0
    assert forecast.inverting == 0
