"""Embeddings of texts come back as they were stored, or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import TEXT_SHARD, TextEvidence, load_evidence, no_texts, read_texts, texts_table


@pytest.fixture
def texts() -> TextEvidence:
    return TextEvidence(
        texts=("a nurse", "ein Äffchen"),
        vectors=np.array([[0.6, 0.8], [-1.0, 0.0]], dtype=np.float32),
        tokens=np.array([4, 9]),
        unknown=np.array([0, 2]),
    )


def test_texts_come_back_as_they_were_stored(full_run, texts):
    full_run.write_shard(*TEXT_SHARD, texts_table(texts))
    back = load_evidence(full_run).texts
    assert back.texts == texts.texts
    for name in ("vectors", "tokens", "unknown"):
        np.testing.assert_array_equal(getattr(back, name), getattr(texts, name))


def test_a_run_without_texts_has_none(full_run):
    evidence = load_evidence(full_run)
    assert len(evidence.texts) == 0
    assert "a nurse" not in evidence.texts


def test_a_run_of_prompts_that_are_only_read_needs_their_texts(run, prompts, judge):
    run.write_tables({"prompts": prompts.assign(role="text")})
    with pytest.raises(InconclusiveProblem, match="its texts are not read yet"):
        load_evidence(run)


def test_a_run_of_prompts_that_are_only_read_needs_no_image(run, prompts, texts):
    run.write_tables({"prompts": prompts.assign(role="text")})
    run.write_shard(*TEXT_SHARD, texts_table(texts))
    evidence = load_evidence(run)
    assert (len(evidence.images), len(evidence.prompts)) == (0, 2)


def test_damaged_texts_are_told_as_any_other_damaged_file(full_run, texts):
    full_run.write_shard(*TEXT_SHARD, texts_table(texts))
    path = full_run.shard_path(*TEXT_SHARD)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(EnvironmentProblem, match="damaged"):
        load_evidence(full_run)


def test_the_digest_of_the_texts_stands_in_the_last_file(full_run, texts):
    full_run.write_shard(*TEXT_SHARD, texts_table(texts))
    full_run.finish()
    full_run.verify()
    path = full_run.shard_path(*TEXT_SHARD)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(EnvironmentProblem, match=r"texts/embeddings\.parquet \(changed\)"):
        full_run.verify()


def test_a_text_is_found_by_its_words(texts):
    assert "a nurse" in texts
    np.testing.assert_array_equal(texts.of(["ein Äffchen", "a nurse"]), texts.vectors[::-1])


def test_a_text_that_was_not_embedded_is_named(texts):
    with pytest.raises(UsageProblem, match=r"no embedding of the text 'a pilot' \(1 are missing\)"):
        texts.of(["a nurse", "a pilot"])


@pytest.mark.parametrize(
    ("texts", "vectors"),
    [
        (("a", "a"), [[1.0, 0.0], [0.0, 1.0]]),
        (("a",), [[1.0, 1.0]]),
        (("a",), [[np.nan, 1.0]]),
    ],
    ids=["twice", "not of unit length", "not a number"],
)
def test_vectors_that_do_not_fit_their_texts_are_refused(texts, vectors):
    counts = np.zeros(len(texts), dtype=np.int64)
    with pytest.raises(UsageProblem, match="do not fit"):
        TextEvidence(texts=texts, vectors=np.array(vectors, dtype=np.float32), tokens=counts, unknown=counts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="tokens"), "lacks tokens"),
        (lambda table: table.assign(vector=[b"1234", b"12345678"]), "a vector of 4 bytes"),
        (lambda table: table.assign(text="a"), "there once"),
    ],
)
def test_a_table_that_holds_no_embeddings_is_refused(texts, change, words):
    with pytest.raises(UsageProblem, match=words):
        read_texts(change(texts_table(texts)))


def test_no_texts_make_a_table_and_come_back():
    table = texts_table(no_texts())
    assert isinstance(table, pd.DataFrame)
    assert len(read_texts(table)) == 0
