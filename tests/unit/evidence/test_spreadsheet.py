"""No spreadsheet computes what a prompt or a class name says."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from audit.evidence.shards import to_csv


@pytest.mark.parametrize("start", list("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
def test_text_that_looks_like_a_formula_gets_a_quote(start):
    rows = list(csv.reader(io.StringIO(to_csv(pd.DataFrame({"x": [f"{start}1"]})).decode(), newline="")))
    assert rows == [["x"], [f"'{start}1"]]


@pytest.mark.parametrize("hidden", ["\0", "\x1b", "\u202e", "\u2066", "\u200f", "\x85", "\ud800"])
def test_what_a_spreadsheet_does_not_show_is_dropped_and_hides_no_formula(hidden):
    assert (
        to_csv(pd.DataFrame({"x": pd.Series([f"{hidden}=1", f"a{hidden}b"], dtype=object)})) == b'"x"\n"\'=1"\n"ab"\n'
    )


def test_column_names_are_text_too():
    assert to_csv(pd.DataFrame({"=cmd": [1]})) == b'"\'=cmd"\n1\n'


def test_numbers_stay_numbers_and_missing_stays_empty():
    table = pd.DataFrame({"x": [-1.5, float("nan")], "n": [-1, 2], "t": ["a", None], "b": [True, False]})
    assert to_csv(table) == b'"x","n","t","b"\n-1.5,-1,"a",True\n"",2,"",False\n'


def test_categories_are_text():
    assert to_csv(pd.DataFrame({"x": pd.Categorical(["=1", "b"])})) == b'"x"\n"\'=1"\n"b"\n'


def test_separators_and_line_breaks_stay_in_their_cell():
    text = 'a,"b"\r\nc;d'
    rows = list(csv.reader(io.StringIO(to_csv(pd.DataFrame({"x": [text]})).decode(), newline="")))
    assert rows[1] == [text]
