"""Evidence is what the shards say, in the order of the prompts, and only when it is complete."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from audit.errors import EnvironmentProblem, InconclusiveProblem
from audit.evidence import IMAGES, load_evidence, picture_digests, read_pictures, read_run, score_columns
from audit.records import JudgeCard


def test_evidence_stands_in_the_order_of_the_prompts(full_run, judge, checkpoint):
    evidence = load_evidence(read_run(full_run.path))
    keys = [("bb", 0), ("bb", 1), ("aa", 0), ("aa", 1)]
    for table in (evidence.images, evidence.scores[judge.name]):
        assert list(zip(table["prompt_id"], table["replicate"], strict=True)) == keys
    assert list(evidence.images.columns) == list(IMAGES)
    assert list(evidence.scores[judge.name].columns) == list(score_columns(judge))
    np.testing.assert_equal(evidence.scores[judge.name]["man"].to_numpy(), [np.nan, np.nan, 0.75, 0.75])
    assert evidence.checkpoint == checkpoint
    assert evidence.images["seed"].tolist() == [2**63 - 1] * 4


def test_each_step_that_is_missing_is_named(run, prompts, shards, score_shards, judge):
    def refused(words):
        with pytest.raises(InconclusiveProblem, match=words):
            load_evidence(run)

    refused("no prompts yet")
    run.write_tables({"prompts": prompts})
    refused("2 of its 2 prompts have no image")
    run.write_shard("images", "0000", shards["0000"].iloc[:1])
    refused("1 of its 2 prompts have no image")
    for name, shard in shards.items():
        run.write_shard("images", name, shard)
    refused("has yet to look at 4 of 4 images")
    run.write_shard(f"scores/{judge.name}", "0000", score_shards["0000"])
    refused("has yet to look at 2 of 4 images")
    run.write_shard(f"scores/{judge.name}", "0001", score_shards["0001"])
    load_evidence(run)


def test_a_run_without_judges_has_evidence_without_scores(full_run, monkeypatch):
    monkeypatch.setattr("audit.evidence.reading.read_judge_cards", lambda _: dict[str, JudgeCard]())
    assert load_evidence(full_run).scores == {}


def test_pictures_are_read_by_key_in_the_order_asked(full_run):
    pictures = read_pictures(full_run, [("bb", 1), ("aa", 0)])
    assert list(pictures.items()) == [(("bb", 1), b"png of bb 1"), (("aa", 0), b"png of aa 0")]
    assert read_pictures(full_run, []) == {}


def test_a_picture_that_is_not_there_is_named(full_run):
    with pytest.raises(EnvironmentProblem, match="no picture of prompt zz, replicate 3"):
        read_pictures(full_run, [("aa", 0), ("zz", 3)])


def test_pictures_have_the_digests_of_their_bytes(full_run):
    digests = picture_digests(full_run)
    assert digests.keys() == {(prompt_id, replicate) for prompt_id in ("aa", "bb") for replicate in (0, 1)}
    assert digests["aa", 1] == hashlib.sha256(b"png of aa 1").hexdigest()
