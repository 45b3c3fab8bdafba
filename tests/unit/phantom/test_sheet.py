"""Contact sheets."""

import numpy as np

from audit.phantom.drawing import IMAGE_SIZE
from audit.phantom.pictures import contact_sheet


def test_a_sheet_has_a_row_per_concept_and_is_a_function_of_its_seed(tiny_world):
    sheet = contact_sheet(tiny_world, columns=3)
    concepts = 3 + 2 + 1 + 1 + 2 + 1 + 1 + 2  # professions, names, anybody, couple, things, empty, scene, contexts
    assert sheet.height == concepts * (IMAGE_SIZE + 4) + 4
    assert sheet.width == 150 + 3 * (IMAGE_SIZE + 4)
    assert np.array_equal(sheet, contact_sheet(tiny_world, columns=3))
    assert not np.array_equal(sheet, contact_sheet(tiny_world, columns=3, seed=1))
