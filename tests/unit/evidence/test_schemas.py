"""Tables are checked where they enter."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from audit.errors import UsageProblem
from audit.evidence import (
    IMAGES,
    PROMPTS,
    Evidence,
    build_table,
    check_images,
    check_prompts,
    check_scores,
    scores_table,
)
from audit.records import Score


@pytest.fixture
def images(shards) -> pd.DataFrame:
    return pd.concat(shards.values(), ignore_index=True).drop(columns="png")


@pytest.fixture
def scores(score_shards) -> pd.DataFrame:
    return pd.concat(score_shards.values(), ignore_index=True)


@pytest.fixture
def evidence(prompts, images, scores, judge, checkpoint) -> Evidence:
    return Evidence(
        prompts=prompts, images=images, scores={judge.name: scores}, judges={judge.name: judge}, checkpoint=checkpoint
    )


def test_prompts_become_rows_with_their_facts(prompts):
    assert list(prompts.columns) == list(PROMPTS)
    assert prompts["facts"].tolist() == ['{"women": 0.87}', "{}"]
    np.testing.assert_equal(prompts["women"].to_numpy(), [0.87, np.nan])


def test_a_table_without_rows_has_its_types():
    empty = build_table(IMAGES, [])
    check_images(empty)
    assert empty["own_cosine"].dtype == np.float64


def test_whole_evidence_passes(evidence):
    assert len(evidence.images) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="role"), "lacks role"),
        (lambda t: t.assign(colour=1), "has colour too many"),
        (lambda t: pd.concat([t, t[["role"]]], axis=1), "twice"),
        (lambda t: t.assign(prompt_id="aa"), "once for each prompt_id"),
        (lambda t: t.assign(prompt_id=["", "x"]), "has to be given"),
        (lambda t: t.assign(prompt_id=["x", None]), "text is expected without gaps"),
        (lambda t: t.assign(role="victim"), "one of subject"),
        (lambda t: t.assign(facts="[1]"), "a JSON object"),
        (lambda t: t.assign(facts="{"), "a JSON object"),
        (lambda t: t.assign(women=87.0), "share from 0 to 1"),
        (lambda t: t.assign(women="many"), "real is expected"),
    ],
)
def test_a_wrong_prompts_table_is_described(prompts, change, words):
    with pytest.raises(UsageProblem, match=words):
        check_prompts(change(prompts))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(replicate=0), "once for each prompt_id and replicate"),
        (lambda t: t.assign(replicate=0.5), "integer is expected"),
        (lambda t: t.assign(status="fine"), 'status is "fine"; it has to be one of converged'),
        (lambda t: t.assign(own_cosine=1), "real is expected"),
        (lambda t: t.assign(png=b""), "png too many"),
    ],
)
def test_a_wrong_images_table_is_described(images, change, words):
    with pytest.raises(UsageProblem, match=words):
        check_images(change(images))


def test_a_shard_of_images_needs_pictures_of_bytes(shards):
    check_images(shards["0000"], pictures=True)
    with pytest.raises(UsageProblem, match="bytes is expected"):
        check_images(shards["0000"].assign(png="text"), pictures=True)


def test_an_unscored_image_is_a_row_with_a_reason(scores, judge):
    check_scores(scores, judge)
    assert scores["reason"].tolist() == ["", "no face"] * 2
    assert scores["woman"].isna().tolist() == [False, True] * 2


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(reason=""),
        lambda t: t.assign(reason="dark"),
        lambda t: t.assign(woman=0.0),
        lambda t: t.assign(man=t["man"].replace(0.75, np.inf)),
    ],
)
def test_a_score_is_whole_or_missing_with_a_reason(scores, judge, change):
    with pytest.raises(UsageProblem, match="reason is"):
        check_scores(change(scores), judge)


@pytest.mark.parametrize("value", [1e300, -1e300, 1.1, -0.1])
def test_a_score_lies_in_the_range_of_its_column(scores, judge, value):
    wrong = scores.assign(man=scores["man"].where(scores["reason"] != "", value))
    with pytest.raises(UsageProblem, match="has to be from 0 to 1"):
        check_scores(wrong, judge)
    other = dataclasses.replace(judge, asks=())
    if abs(value) < 1e6:
        check_scores(wrong, other)  # a column of no known question only has to be plausible
    else:
        with pytest.raises(UsageProblem, match="has to be from -1e"):
            check_scores(wrong, other)


def test_scores_have_exactly_the_classes_of_the_card(scores, judge):
    with pytest.raises(UsageProblem, match="lacks mixed"):
        check_scores(scores, dataclasses.replace(judge, classes=("woman", "man", "mixed")))
    with pytest.raises(KeyError):
        scores_table([("aa", 0)], [Score(values={"woman": 1.0})], judge)
    with pytest.raises(ValueError, match="shorter"):
        scores_table([("aa", 0), ("bb", 0)], [Score(values=None, reason="x")], judge)


def test_text_that_a_judge_reads_is_kept_beside_its_scores(judge):
    reader = dataclasses.replace(judge, text="read")
    scores = [Score(values={"woman": 0.5, "man": 0.5}, text="<b>OPEN"), Score(values=None, reason="no face")]
    table = scores_table([("aa", 0), ("bb", 0)], scores, reader)
    check_scores(table, reader)
    assert table["read"].tolist() == ["<b>OPEN", ""]
    with pytest.raises(UsageProblem, match="has read too many"):
        check_scores(table, judge)


def test_tables_have_to_fit_each_other(evidence, judge):
    with pytest.raises(UsageProblem, match=r"images, prompt_id is .* one that the run knows"):
        dataclasses.replace(evidence, prompts=evidence.prompts.iloc[:1])
    with pytest.raises(UsageProblem, match=r"scores of zero_shot.* one that the run knows"):
        dataclasses.replace(evidence, images=evidence.images.iloc[:3])
    with pytest.raises(UsageProblem, match="cards of the judges"):
        dataclasses.replace(evidence, judges={})
