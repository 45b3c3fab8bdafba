"""A record is written field by field, and nothing is read that was not written so."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.codec import document_text, parse_object, read_record, record_document
from audit.errors import EnvironmentProblem
from audit.records import Estimate, JudgeCard, Method, PolicyCard

WHERE = Path("kept.json")
ESTIMATE = Estimate(
    value=0.5, low=0.25, high=0.75, level=0.9, method=Method.T, n_images=8, n_prompts=4, over="worlds", remark="rough"
)
POLICY = PolicyCard(name="p", digest="d", level=0.9, correction="holm", decided_on="2026-11-25")
JUDGE = JudgeCard(name="j", digest="d", classes=("a", "b"), asks=("labels",), scale=20.0)


def test_an_estimate_is_written_with_its_method_as_one_text_in_its_place():
    document = record_document(ESTIMATE)
    assert list(document) == ["value", "low", "high", "level", "method", "n_images", "n_prompts"]
    assert document["method"] == "t over worlds; rough"


@pytest.mark.parametrize("record", [ESTIMATE, POLICY, JUDGE])
def test_a_record_comes_back_as_it_was(record):
    assert read_record(type(record), record_document(record), WHERE, "it") == record


def test_numbers_of_numpy_are_written_as_plain_ones():
    document = record_document(replace(ESTIMATE, value=np.float64(0.5)))
    assert document == record_document(ESTIMATE)
    assert type(document["value"]) is float


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_only_a_number_that_may_be_missing_becomes_null(number):
    assert record_document(replace(ESTIMATE, value=number))["value"] is None
    with pytest.raises(ValueError, match="JSON compliant"):
        document_text(record_document(replace(POLICY, level=number)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"level": "0.9"}, r'it\.level: found "0\.9"'),
        ({"level": None}, r"it\.level: found null"),
        ({"level": True}, r"it\.level: found true"),
        ({"digest": 3}, r"it\.digest: found 3"),
        ({"wing": 1}, "it has no field 'wing'"),
    ],
)
def test_nothing_is_converted_or_passed_over(change, words):
    with pytest.raises(EnvironmentProblem, match=words) as refused:
        read_record(PolicyCard, record_document(POLICY) | change, WHERE, "it")
    assert "kept.json" in refused.value.what


@pytest.mark.parametrize("data", [b"", b"[]", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_object_of_json_is_refused(data):
    with pytest.raises(EnvironmentProblem, match=r"kept\.json is damaged"):
        parse_object(data, WHERE)


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch):
    monkeypatch.setattr("audit.codec.LARGEST", 10)
    assert parse_object(b'{"a": 1}', WHERE) == {"a": 1}
    with pytest.raises(EnvironmentProblem, match="11 bytes"):
        parse_object(b'{"a": 1234}', WHERE)
