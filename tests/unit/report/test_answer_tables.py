"""The commonest answers of a judge of labels as tables."""

import pandas as pd
import pytest
from worlds import World, add_labels, read

from audit.lenses import LENSES
from audit.report.findings import MOST_ANSWERS, answer_tables

SUITES = ("contexts", "blending", "attributes")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    world = World()
    add_labels(world)
    evidence = world.evidence()
    return {name: table for lens in SUITES for name, table in LENSES[lens].examine(evidence).tables.items()}


@pytest.mark.parametrize("lens", SUITES)
def test_every_suite_of_these_lenses_gets_a_table_with_a_row_per_concept(tables, lens):
    [table] = answer_tables(tables, name="suite-1-answers", suite=f"suite of {lens}")
    assert [row[0].text for row in table.rows] == ["clerk", "pilot"]
    assert all(len(row) == len(table.columns) <= MOST_ANSWERS + 2 for row in table.rows)
    assert table.name.startswith("suite-1-answers-")


def test_the_commonest_answer_stands_first_with_its_interval_and_numbers():
    shares = pd.DataFrame(
        {
            "primary": True,
            "suite": "s",
            "question": "place",
            "concept": "meal",
            "answer": ["beach", "living_room", "street", "grass"],
            "share": [0.2, 0.7, 0.1, 0.0],
            "share_low": [0.1, 0.5, float("nan"), 0.0],
            "share_high": [0.3, 0.9, float("nan"), 0.2],
            "n_images": 10,
            "n_prompts": 5,
        }
    )
    [table] = answer_tables({"contexts_shares": shares}, name="t", suite="s")
    [(_, first, second, third, numbers)] = table.rows
    assert (first.text, first.detail) == ("living room 0.70", "0.50 to 0.90")
    assert (second.text, third.detail, numbers.text) == ("beach 0.20", "no interval", "10 / 5")


def test_text_that_was_read_is_told_as_text():
    world = World()
    world.ask("nurse", *[read("")] * 4)
    world.written = ["<b>nurse", "<b>nurse", "=1+1", ""]
    (table,) = answer_tables(LENSES["letters"].examine(world.evidence({})).tables, name="s", suite="suite")
    assert [cell.text for cell in table.rows[0]] == ["nurse", "<b>nurse 0.50", "=1+1 0.25", "4 / 1"]


def test_other_judges_and_other_suites_are_not_told(tables):
    shares = tables["contexts_shares"].assign(primary=False)
    assert list(answer_tables({"contexts_shares": shares}, name="t", suite="suite of contexts")) == []
    assert list(answer_tables(tables, name="t", suite="another")) == []
