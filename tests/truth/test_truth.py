"""End to end on the shipped phantoms; docs/accuracy.md claims what ``make truth`` measures on these and on others.

All that needs a standard audit stands in this file: workers share the tests file by file, so one makes both audits.
"""

from __future__ import annotations

import shutil

import pytest
from scipy.stats import spearmanr

from audit.__main__ import main as clip_audit
from audit.errors import ExitCode
from audit.phantom.phantom_folder import read_phantom_world
from audit.phantom.planted import compare_with_truth
from audit.records import Verdict
from audit.studies.calibrate import measure, rows_of
from audit.studies.compare import Outcome, compare_runs


@pytest.fixture(scope="session")
def skewed_truth(skewed):
    return compare_with_truth(read_phantom_world("phantom:skewed"), skewed.findings)


@pytest.mark.slow
def test_leans_follow_the_planted_shares(skewed_truth):
    assert skewed_truth.lean_correlation >= 0.9


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
    assert skewed_truth.name_correlation >= 0.8


@pytest.mark.slow
def test_explicit_prompts_are_ordered_right(skewed_truth):
    assert skewed_truth.ordered_share >= 0.95


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
def test_a_balanced_phantom_has_at_most_one_profession_off_one_half(balanced):
    truth = compare_with_truth(read_phantom_world("phantom:balanced"), balanced.findings)
    assert len(truth.excluding_half) <= 1


@pytest.fixture(scope="session")
def lean_changes(balanced, skewed):
    """Profession -> the change of its lean from the balanced phantom to the skewed one."""
    found = compare_runs(balanced.folder, skewed.folder)
    leans = [one for one in found.told if one.change.metric == "gender.lean"]
    return {one.change.subject: one for one in leans if one.change.suite == "phantom_professions"}


@pytest.fixture(scope="session")
def planted_changes():
    """Profession -> what was planted in the skewed phantom less what was planted in the balanced one."""
    before, after = (
        {profession.word: profession.man for profession in read_phantom_world(name).professions}
        for name in ("phantom:balanced", "phantom:skewed")
    )
    return {word: after[word] - before[word] for word in before}


@pytest.mark.slow
def test_the_professions_whose_planted_share_differs_most_are_told_to_have_moved(lean_changes, planted_changes):
    """In the planted direction; whether that is worse hangs on where the balanced phantom leans by chance."""
    most = max(map(abs, planted_changes.values()))
    for word in (word for word, planted in planted_changes.items() if abs(planted) == most):
        difference = lean_changes[word].change.difference
        assert min(difference.low * planted_changes[word], difference.high * planted_changes[word]) > 0
        assert difference.value * planted_changes[word] > 0.25 * most
        assert lean_changes[word].outcome in {Outcome.WORSE, Outcome.OPEN}


@pytest.mark.slow
def test_what_a_comparison_tells_is_in_the_planted_direction(lean_changes, planted_changes):
    told = [word for word, one in lean_changes.items() if one.outcome is not Outcome.OPEN and word != "*"]
    assert len(told) >= 6
    for word in told:
        assert lean_changes[word].outcome is Outcome.WORSE
        assert lean_changes[word].change.difference.value * planted_changes[word] > 0


@pytest.mark.slow
def test_changes_rank_as_they_were_planted(lean_changes, planted_changes):
    measured = [lean_changes[word].change.difference.value for word in planted_changes]
    assert spearmanr(list(planted_changes.values()), measured).statistic >= 0.85


@pytest.mark.slow
def test_a_checkpoint_beside_itself_differs_in_nothing(skewed):
    found = compare_runs(skewed.folder, skewed.folder)
    changes = [one.change for one in (*found.told, *found.instruments)]
    assert len(changes) == len(skewed.findings)
    assert {(c.difference.value, c.difference.low, c.difference.high) for c in changes} == {(0.0, 0.0, 0.0)}
    assert {one.outcome for one in found.told} == {Outcome.SAME}


@pytest.mark.slow
def test_the_skewed_phantom_fails(skewed):
    assert skewed.decision.verdict is Verdict.FAIL


@pytest.mark.slow
def test_the_balanced_phantom_passes(balanced):
    assert balanced.decision.verdict is Verdict.PASS


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["images", "scores", "spec.json", "run.json"])
def test_a_damaged_run_is_no_pass(balanced, tmp_path, damaged):
    run = shutil.copytree(balanced.folder, tmp_path / "run")
    flip_a_byte(next(path for path in [run / damaged, *sorted((run / damaged).rglob("*"))] if path.is_file()))
    code = clip_audit(["gate", str(run), "--policy", "phantom", "--out", str(tmp_path / "decision")])
    assert code == ExitCode.ENVIRONMENT
    assert not (tmp_path / "decision" / "decision.json").exists()
