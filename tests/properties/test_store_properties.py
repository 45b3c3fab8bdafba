"""Whatever a table holds comes back; whatever a text holds stays text."""

from __future__ import annotations

import csv
import io
import tempfile
import unicodedata
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.evidence import open_run, read_run, safe_name
from audit.evidence.shards import ShardLabel, decode, encode, to_csv

LABEL = ShardLabel(spec="s", kind="images", name="0000")
HIDDEN = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
TABLES = st.lists(
    st.tuples(
        st.text(),
        st.binary(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=True, allow_infinity=True),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda rows: pd.DataFrame(rows, columns=["text", "png", "integer", "real", "flag"]).astype(
        {"text": "str", "png": "object", "integer": "int64", "real": "float64", "flag": "bool"}
    )
)


@settings(max_examples=60, deadline=None)
@given(table=TABLES)
def test_a_table_comes_back_as_it_was_and_in_the_same_bytes(table):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0000.parquet"
        path.write_bytes(encode(table, LABEL))
        found = decode(path, LABEL)
        pd.testing.assert_frame_equal(found, table)
        assert encode(found, LABEL) == path.read_bytes()


@settings(max_examples=25, deadline=None)
@given(judge=st.text(min_size=1), text=st.text())
def test_a_run_keeps_any_judge_name_and_any_text_inside_its_folder(judge, text):
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame({"text": [text]})
        with open_run(Path(folder) / "run", {"schema_version": 1, "note": text}) as run:
            run.write_shard(f"scores/{judge}", "0000", table)
            run.write_tables({safe_name(judge): table})
            run.finish()
        reader = read_run(run.path, finished=True)
        reader.verify()
        assert reader.spec["note"] == text
        pd.testing.assert_frame_equal(reader.read_shards(f"scores/{judge}"), table)
        pd.testing.assert_frame_equal(reader.read_table(safe_name(judge)), table)
        assert [path.name for path in Path(folder).iterdir()] == ["run"]


def is_hidden(sign: str) -> bool:
    return (
        unicodedata.category(sign) == "Cc" or unicodedata.bidirectional(sign) in HIDDEN or sign in "\u061c\u200e\u200f"
    )


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.text() | st.text(alphabet="=+-@\t\r\n\0\",;'a", max_size=5), min_size=1, max_size=5),
    number=st.floats(allow_nan=False),
)
def test_no_cell_of_a_csv_is_a_formula_and_no_text_that_can_be_seen_is_lost(texts, number):
    data = to_csv(pd.DataFrame({"text": texts, "number": number}))
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    assert [float(row[1]) for row in rows] == [number] * len(texts)
    for (cell, _), text in zip(rows, texts, strict=True):
        shown = "".join(sign for sign in text if sign in "\t\r\n" or not is_hidden(sign))
        assert cell in {shown, f"'{shown}"}
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(first=st.text(), second=st.text())
def test_two_names_have_two_file_names(first, second):
    assert (safe_name(first) == safe_name(second)) == (first == second)
