"""What a judge of labels reads in inversions of ``phantom:scenes``, beside what was planted: one audit at ``standard``.

Ends of intervals hold at 95 %, prompts being the unit. What only ``full`` shows stands in the table of questions.
"""

from __future__ import annotations

import pytest
from bounds import SCENES

pytestmark = [pytest.mark.slow, pytest.mark.both_precisions]


@pytest.mark.parametrize("claim", SCENES)
def test_what_a_judge_of_labels_reads_in_scenes_is_what_was_planted(scenes, claim):
    assert SCENES[claim](scenes).room >= 0
