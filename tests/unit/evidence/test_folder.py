"""A folder that is no run keeps texts and tables whole."""

import pandas as pd
import pytest

from audit.errors import EnvironmentProblem
from audit.evidence import differing_keys, write_folder

TABLE = pd.DataFrame({"name": ["=1+1", "nurse"], "value": [0.5, float("nan")]})


def test_texts_and_tables_are_written(tmp_path):
    folder = tmp_path / "new" / "folder"
    write_folder(folder, source="a b", texts={"page.md": "é\n"}, tables={"changes": TABLE})
    assert (folder / "page.md").read_text(encoding="utf-8") == "é\n"
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "tables" / "changes.parquet"), TABLE)
    assert (folder / "tables" / "changes.csv").read_text(encoding="utf-8").splitlines()[1] == '"\'=1+1",0.5'


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_folder(tmp_path / name, source="a b", texts={}, tables={"changes": TABLE})
    one, two = ((tmp_path / name / "tables" / "changes.parquet").read_bytes() for name in ("one", "two"))
    assert one == two


def test_what_cannot_be_made_is_a_problem_of_the_disk(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="Making the folder"):
        write_folder(tmp_path / "file" / "below", source="", texts={}, tables={})


def test_differences_are_named_after_their_sides():
    sides = ("in the baseline", "in the candidate")
    found = differing_keys({"a": 1, "b": {"c": 2}}, {"b": {"c": 3}, "d": 4}, sides=sides)
    assert found == [
        "a (in the baseline, but not in the candidate)",
        "b.c (2 in the baseline, 3 in the candidate)",
        "d (in the candidate, but not in the baseline)",
    ]
