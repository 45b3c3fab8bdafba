"""What the scripts of this folder write into the documents, and where."""

from __future__ import annotations

import pytest
from calibration import numbers
from marks import DOCUMENTS, write_between


def test_only_what_lies_between_the_marks_of_the_name_is_replaced(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n", "utf-8")
    assert write_between(readme, "x", "new")
    assert readme.read_text("utf-8") == (
        "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n"
    )


def test_nothing_is_written_without_both_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- x: begin -->\nb\n", "utf-8")
    assert not write_between(readme, "x", "new")
    assert readme.read_text("utf-8") == "a\n<!-- x: begin -->\nb\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_have_the_marks(name):
    text = DOCUMENTS[name].read_text("utf-8")
    assert text.index(f"<!-- {name}: begin -->") < text.index(f"<!-- {name}: end -->")


def test_the_numbers_of_a_calibration_are_what_stands_before_its_figures():
    assert numbers("# Calibration\n\nMade by x.\n\n| a |\n\n![Dose](d.svg)\n\n## more\n") == "Made by x.\n\n| a |"
