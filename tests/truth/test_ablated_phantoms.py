"""A phantom's inversions as a phantom that had no part in them sees them, and a recipe that makes them worse."""

from __future__ import annotations

import pytest

from audit.pipeline import AuditRequest, Silence
from audit.studies.ablate.ablating import run_ablation
from audit.suites import load_suite, suite_path

CHANCE = 1 / 14

SUITE = """
schema_version = 1
name = "phantom_open_professions"
version = "1.0"
lens = "none"
purpose = "Professions alone, of which there are fourteen."
source = "audit/phantom/worlds/skewed.toml"
licence = "Apache-2.0"
[slots]
profession = [{entries}]
[[block]]
role = "subject"
templates = ["a photo of {{a_profession}}", "a drawing of {{a_profession}}"]
"""


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Row -> its measures, of a recipe with its noise off, weak and strong."""
    place = tmp_path_factory.mktemp("ablation")
    prompts = load_suite(suite_path("phantom/professions")).prompts
    words = sorted({prompt.concept for prompt in prompts if prompt.role == "subject"})
    suite = place / "suite.toml"
    suite.write_text(SUITE.format(entries=", ".join(f'{{ concept = "{word}" }}' for word in words)), encoding="utf-8")
    request = AuditRequest(checkpoint="phantom:skewed", suites=(str(suite),), effort="quick")
    found = run_ablation(request, ("noise",), place / "out", Silence())
    return {row.line.name: row.line.found for row in found.rows}


@pytest.mark.slow
def test_a_held_out_judge_recognises_most_inversions(rows):
    precision = rows["unchanged"].measures["judged_precision"].value
    assert precision.low > 5 * CHANCE


@pytest.mark.slow
def test_a_recipe_that_drowns_its_views_in_noise_makes_worse_images_and_the_held_out_judge_says_so(rows):
    assert rows["noise-strong"].measures["judged_z"].difference.high < 0


@pytest.mark.slow
def test_almost_every_image_of_the_shipped_recipe_converges(rows):
    assert rows["unchanged"].measures["converged"].value.value >= 0.9
