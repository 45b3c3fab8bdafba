"""A shard is read as it was written, or not at all."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from audit.errors import AuditProblem, EnvironmentProblem, UsageProblem
from audit.evidence.shards import ShardLabel, check_footer, decode, encode

LABEL = ShardLabel(spec="s" * 64, kind="images", name="0000")


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": ["", "nurse\0\r\n\t\N{PILE OF POO}"],
            "real": [math.nan, -math.inf],
            "other": [0.0, 1.0],
            "integer": [0, 2**63 - 1],
            "flag": [True, False],
            "png": [b"", b"\x89PNG\0"],
        }
    )


@pytest.fixture
def path(tmp_path, table):
    path = tmp_path / "0000.parquet"
    path.write_bytes(encode(table, LABEL))
    return path


def test_what_is_read_is_what_was_written(path, table):
    pd.testing.assert_frame_equal(decode(path, LABEL), table)


def test_columns_are_read_in_the_order_asked_for(path, table):
    pd.testing.assert_frame_equal(decode(path, LABEL, ["png", "text"]), table[["png", "text"]])


def test_the_same_table_gives_the_same_bytes_whatever_its_memory_layout(table):
    other = table.astype({"text": object}).set_axis([7, 3])
    assert encode(other, LABEL) == encode(table, LABEL)
    narrow = pd.DataFrame({"x": pd.Categorical(["a", "b"]), "y": np.array([1, 2], dtype=np.uint8)})
    wide = pd.DataFrame({"x": ["a", "b"], "y": [1, 2]})
    assert encode(narrow, LABEL) == encode(wide, LABEL)


def test_a_table_without_rows_keeps_its_columns(tmp_path, table):
    path = tmp_path / "0000.parquet"
    path.write_bytes(encode(table.iloc[:0], LABEL))
    assert list(decode(path, LABEL).columns) == list(table.columns)


def test_no_flipped_bit_is_read_as_other_data(path, table):
    """Bytes all over the file: pages, page headers, footer, label, lengths."""
    whole = path.read_bytes()
    places = range(0, len(whole), 5)
    found = 0
    for place in places:
        flipped = whole[place] ^ (1 << place % 8)
        path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        try:
            pd.testing.assert_frame_equal(decode(path, LABEL), table)
        except AuditProblem:
            found += 1
    assert found > len(places) / 2


@pytest.mark.parametrize("length", [0, 3, 8, 100, -10, -1])
def test_a_cut_file_is_damaged(path, length):
    path.write_bytes(path.read_bytes()[:length])
    for read in (decode, check_footer):
        with pytest.raises(EnvironmentProblem, match="is damaged") as caught:
            read(path, LABEL)
        assert "Remove this file" in caught.value.remedy


def test_a_flipped_bit_in_a_picture_is_found_when_the_picture_is_read(tmp_path):
    path, noise = tmp_path / "0000.parquet", np.random.default_rng(1).bytes(5000)
    data = encode(pd.DataFrame({"key": [1], "png": [noise]}), LABEL)
    place = data.index(noise[100:110])
    path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    assert decode(path, LABEL, ["key"])["key"].tolist() == [1]
    with pytest.raises(EnvironmentProblem, match=r"damaged.*CRC"):
        decode(path, LABEL)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (ShardLabel(spec="t" * 64, kind="images", name="0000"), "another run"),
        (ShardLabel(spec="s" * 64, kind="scores/x", name="0000"), "another place"),
        (ShardLabel(spec="s" * 64, kind="images", name="0001"), "another place"),
    ],
)
def test_a_shard_from_elsewhere_is_refused(path, table, other, words):
    path.write_bytes(encode(table, other))
    for read in (decode, check_footer):
        with pytest.raises(UsageProblem, match=words):
            read(path, LABEL)


def test_a_parquet_file_of_another_program_is_refused(path, table):
    table.to_parquet(path)
    with pytest.raises(EnvironmentProblem, match="no label"):
        decode(path, LABEL)


def test_a_shard_of_a_newer_version_is_refused(path, table, monkeypatch):
    monkeypatch.setattr("audit.evidence.shards.SCHEMA_VERSION", 2)
    path.write_bytes(encode(table, LABEL))
    monkeypatch.undo()
    with pytest.raises(UsageProblem, match="newer clip-audit"):
        decode(path, LABEL)


def test_a_link_is_not_followed(path, tmp_path):
    link = tmp_path / "link.parquet"
    link.symlink_to(path)
    with pytest.raises(UsageProblem, match="is a link"):
        decode(link, LABEL)


def test_a_column_that_was_never_written_is_not_invented(path):
    with pytest.raises(EnvironmentProblem, match="not the ones"):
        decode(path, LABEL, ["text", "absent"])


@pytest.mark.parametrize(
    "bad", [pd.DataFrame({"x": [{"a": 1}]}), pd.DataFrame([[1, 2]], columns=["x", "x"]), pd.DataFrame({1: [1]})]
)
def test_what_a_shard_cannot_hold_is_refused_at_once(bad):
    with pytest.raises((TypeError, ValueError)):
        encode(bad, LABEL)
