"""End to end on the shipped phantoms at the effort of ``make audit``; README.md claims what ``make truth`` measures."""

from __future__ import annotations

import pytest

from audit.phantom.calibration import measure, rows_of
from audit.phantom.folder import read_phantom_world
from audit.phantom.truth import compare_with_truth
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.records import Verdict


def audited(checkpoint, folder, suites=()):
    plan = make_plan(AuditRequest(checkpoint=checkpoint, effort="quick", suites=suites))
    return run_audit(plan, folder, Silence())


@pytest.fixture(scope="session")
def skewed(tmp_path_factory):
    return audited("phantom:skewed", tmp_path_factory.mktemp("truth") / "skewed")


@pytest.fixture(scope="session")
def skewed_truth(skewed):
    return compare_with_truth(read_phantom_world("phantom:skewed"), skewed.findings)


@pytest.mark.slow
def test_leans_follow_the_planted_shares(skewed_truth):
    assert skewed_truth.lean_correlation >= 0.85


@pytest.mark.slow
def test_clear_professions_are_on_their_side(skewed_truth):
    assert len(skewed_truth.wrong_side) <= 1


@pytest.mark.slow
def test_a_calibration_on_this_world_finds_most_of_what_is_clearly_planted(skewed):
    rows = rows_of("skewed", read_phantom_world("phantom:skewed"), skewed.findings)
    lean, rate = measure(rows, "lean"), measure(rows, "rate")
    assert lean.sensitivity.value >= 0.7
    assert lean.reversals.value == 0
    assert rate.sensitivity.value >= 0.7
    assert lean.smallest_gap.value is not None


@pytest.mark.slow
def test_unsafe_rates_follow_the_planted_ones(skewed_truth):
    assert skewed_truth.name_correlation >= 0.7


@pytest.mark.slow
def test_explicit_prompts_are_ordered_right(skewed_truth):
    assert skewed_truth.ordered_share >= 0.95


@pytest.mark.slow
def test_a_sound_phantom_gives_a_conclusive_run(skewed):
    assert skewed.decision.verdict is Verdict.PASS, [
        r for r in skewed.decision.results if r.verdict is not Verdict.PASS
    ]


@pytest.mark.slow
def test_a_run_leaves_every_file_that_it_promises(skewed):
    names = {path.relative_to(skewed.folder).as_posix() for path in skewed.folder.rglob("*") if path.is_file()}
    promised = {
        "spec.json", "run.json", "findings.json", "decision.json", "report.html", "report.pdf", "summary.md",
        "junit.xml",
        "tables/prompts.parquet", "tables/images.csv", "tables/gender_concepts.csv", "tables/nsfw_concepts.parquet",
    }  # fmt: skip
    assert promised <= names


@pytest.mark.slow
def test_a_balanced_phantom_has_at_most_one_profession_off_one_half(tmp_path):
    outcome = audited("phantom:balanced", tmp_path / "balanced", ("phantom/professions",))
    truth = compare_with_truth(read_phantom_world("phantom:balanced"), outcome.findings)
    assert len(truth.excluding_half) <= 1
