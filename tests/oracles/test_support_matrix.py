"""The support matrix of docs/checkpoints.md is what the program does."""

import pytest

from tests.benchmarks.families import rows
from tests.oracles.support_matrix import outcomes, table
from tests.truth.marks import DOCUMENTS


@pytest.fixture(scope="module")
def found():
    return outcomes()


def test_every_form_is_read_with_the_original_features_or_refused_as_it_should_be(found):
    assert [f"{one.variant.form}, {one.variant.family}: {one.status}" for one in found if "R" in one.status] == []
    assert {one.status for one in found} == {"read", "refused"}


def test_sixty_variants_are_tried_and_every_refusal_has_a_remedy(found):
    assert len(found) >= 60
    assert all(one.remedy.endswith((".", "`")) for one in found if one.status == "refused")


def test_the_page_has_the_table_that_the_program_gives(found):
    page = DOCUMENTS["forms"].read_text(encoding="utf-8")
    held = page.partition("<!-- forms: begin -->\n")[2].partition("\n<!-- forms: end -->")[0]
    assert held == table(found)


def test_an_image_is_inverted_from_every_family():
    found = rows(largest=64)
    assert len(found) >= 16
    assert [row.family for row in found if not 0 < row.gradient < 10] == []
    assert [row.family for row in found if row.last <= row.first] == []
