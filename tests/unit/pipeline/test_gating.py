"""Runs that are held against a policy, on the way and afterwards."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import load_evidence, read_run
from audit.gate import load_policy
from audit.inversion import Inverter
from audit.lenses import LENSES
from audit.lineage import Kinship
from audit.pipeline import Silence, gate_again, judge_again, report_again, run_audit
from audit.pipeline.audit_plan import paced_recipe
from audit.pipeline.examine import Examination
from audit.pipeline.gating import Gate
from audit.records import Verdict

POLICY = """schema_version = 1
name = "small"
[[rule]]
id = "undetermined"
metric = "gender.undetermined_share"
suite = "phantom_small"
subject = "{subject}"
at_most = {at_most}
"""
COMPARING = """[[rule]]
id = "worse"
metric = "gender.undetermined_share"
suite = "phantom_small"
subject = "*"
worse_by_at_most = 0.1
"""


@pytest.fixture
def write_policy(tmp_path):
    def write(*, at_most: float = 0.99, subject: str = "*", more: str = "") -> Gate:
        path = tmp_path / "mine.toml"
        path.write_text(POLICY.format(at_most=at_most, subject=subject) + more, encoding="utf-8")
        return Gate(policy=load_policy(str(path)), today=date(2026, 11, 25))

    return write


@pytest.fixture
def copy(ran, tmp_path) -> Path:
    return shutil.copytree(ran.folder, tmp_path / "copy")


@pytest.fixture(autouse=True)
def _no_inversion(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("an image was made")

    monkeypatch.setattr(Inverter, "make", refuse)


@pytest.fixture(autouse=True)
def _no_doubts(request, monkeypatch):
    """The tiny checkpoint fails its controls; what is asked here is what the rules say."""
    if "with_doubts" not in request.fixturenames:
        monkeypatch.setattr("audit.pipeline.gating.doubts_of", lambda *_: {})


@pytest.fixture
def with_doubts() -> None:
    """Ask for it to leave the controls as they are."""


def test_where_the_controls_have_not_passed_a_rule_says_so_and_is_inconclusive(with_doubts, copy, write_policy):
    outcome = gate_again(copy, write_policy(), Silence())
    [line] = [result for result in outcome.decision.results if result.line is not None]
    assert line.verdict is Verdict.INCONCLUSIVE
    assert "its controls have not passed" in line.evidence
    assert "people seen in noise: not shown" in line.evidence


REQUIRES = """[requires]
recipe = "{recipe}"
precision = "fp32"
"""


@pytest.mark.parametrize("effort", ["quick", "standard"])
@pytest.mark.parametrize("pinned_by", ["name", "digest"])
def test_what_a_run_leaves_open_is_taken_as_its_policy_asks(write_policy, request_for, effort, pinned_by):
    wanted = "careful" if pinned_by == "name" else paced_recipe("careful", effort).digest
    gate = write_policy(more=REQUIRES.format(recipe=wanted))
    settled = gate.settle(request_for(recipe="auto", precision="auto", effort=effort))
    assert (settled.recipe, settled.precision) == ("careful", "fp32")
    assert settled == request_for(recipe="careful", precision="fp32", effort=effort)


def test_what_a_run_states_stays_and_what_a_policy_leaves_open_does_too(write_policy, request_for):
    stated = request_for(recipe="thorough", precision="bf16")
    assert write_policy(more=REQUIRES.format(recipe="fast")).settle(stated) == stated
    is_open = request_for(recipe="auto", precision="auto")
    assert write_policy().settle(is_open) == is_open
    assert write_policy(more=REQUIRES.format(recipe="0" * 16)).settle(is_open).recipe == "auto"


def lines(outcome) -> dict[str, Verdict]:
    return {result.rule: result.verdict for result in outcome.decision.results if result.line is not None}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_run_is_decided_anew_and_keeps_its_policy(copy, write_policy):
    gate = write_policy()
    outcome = gate_again(copy, gate, Silence())
    assert lines(outcome) == {"undetermined": Verdict.PASS}
    run = read_run(copy, finished=True)
    run.verify()
    assert (copy / "policy.toml").read_text(encoding="utf-8") == gate.policy.text
    stored = json.loads((copy / "decision.json").read_text(encoding="utf-8"))
    assert stored["policy"]["digest"] == gate.policy.digest
    assert "undetermined" in (copy / "junit.xml").read_text(encoding="utf-8")
    assert gate.policy.digest in (copy / "summary.md").read_text(encoding="utf-8")
    assert "--policy policy.toml" in (copy / "report.html").read_text(encoding="utf-8")


def test_who_signs_is_told_which_judges_are_not_shown_to_be_independent(ran, copy, write_policy, monkeypatch):
    def told(notes):
        return [note for note in notes if "independent" in note]

    assert not told(gate_again(copy, write_policy(), Silence()).decision.notes)
    monkeypatch.setattr("audit.pipeline.conclude.kinship_of", lambda *_: Kinship(kind="unknown"))
    [note] = told(gate_again(copy, write_policy(), Silence()).decision.notes)
    assert f"{', '.join(ran.evidence.judges)}: not shown independent: what it or" in note


def test_a_gate_that_was_killed_and_is_given_again_ends_as_one_that_was_not(
    copy, ran, write_policy, tmp_path, monkeypatch
):
    undisturbed = shutil.copytree(ran.folder, tmp_path / "undisturbed")
    with monkeypatch.context() as patched:
        patched.setattr(
            "audit.pipeline.conclude.write_report", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            gate_again(copy, write_policy(), Silence())
    assert not (copy / "run.json").exists()
    for folder in (copy, undisturbed):
        gate_again(folder, write_policy(), Silence())
        read_run(folder, finished=True).verify()
    assert (copy / "decision.json").read_bytes() == (undisturbed / "decision.json").read_bytes()
    assert bytes_of(copy).keys() == bytes_of(undisturbed).keys()


def test_a_gate_that_was_killed_is_not_given_again_on_other_measurements(copy, write_policy, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(
            "audit.pipeline.conclude.write_report", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            gate_again(copy, write_policy(), Silence())
    shard = next((copy / "scores").rglob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    with pytest.raises(EnvironmentProblem, match="changed"):
        gate_again(copy, write_policy(), Silence())


def test_numbers_and_images_stay_as_they_were(copy, ran, write_policy):
    gate_again(copy, write_policy(), Silence())
    before, after = bytes_of(ran.folder), bytes_of(copy)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {
        "decision.json",
        "report.html",
        "explore.html",
        "report.pdf",
        "summary.pdf",
        "summary.md",
        "junit.xml",
        "run.json",
    }
    assert "decision.json" in changed


def test_beside_a_run_only_the_decision_is_written(copy, ran, write_policy, tmp_path):
    outcome = gate_again(copy, write_policy(), Silence(), out=tmp_path / "new" / "decision")
    assert bytes_of(copy).items() >= {k: v for k, v in bytes_of(ran.folder).items() if k != ".lock"}.items()
    assert not (copy / "policy.toml").exists()
    written = bytes_of(tmp_path / "new" / "decision")
    assert set(written) == {"decision.json", "summary.md", "junit.xml"}
    assert json.loads(written["decision.json"])["verdict"] == outcome.decision.verdict.value


def test_a_decision_is_not_written_into_another_run(copy, ran, write_policy):
    with pytest.raises(UsageProblem, match="is a run folder"):
        gate_again(copy, write_policy(), Silence(), out=ran.folder)


def test_the_policy_of_a_run_outlives_reporting_judging_and_running_again(copy, plan, write_policy):
    gate_again(copy, write_policy(at_most=0.0), Silence())
    judge = next(iter(plan.judges))
    for again in (
        report_again(copy, Silence()),
        judge_again(copy, [judge], "cpu", Silence()),
        run_audit(plan, copy, Silence()),
    ):
        assert again.decision.policy is not None
        assert lines(again).keys() == {"undetermined"}
        assert json.loads((copy / "decision.json").read_text(encoding="utf-8"))["policy"]["name"] == "small"


def test_a_run_can_be_gated_at_once(copy, plan, write_policy):
    outcome = run_audit(plan, copy, Silence(), gate=write_policy())
    assert lines(outcome) == {"undetermined": Verdict.PASS}


def test_a_policy_that_the_plan_cannot_answer_is_refused_before_anything_is_done(plan, write_policy, tmp_path):
    with pytest.raises(UsageProblem, match="names the subject 'nix'"):
        run_audit(plan, tmp_path / "run", Silence(), gate=write_policy(subject="nix"))
    compares = write_policy(more=COMPARING)
    with pytest.raises(UsageProblem, match=r"compares with a baseline \(worse\), and none is named"):
        run_audit(plan, tmp_path / "run", Silence(), gate=compares)
    with pytest.raises(UsageProblem, match="none is named"):
        gate_again(tmp_path, compares, Silence())
    assert not (tmp_path / "run").exists()


def test_a_policy_that_the_run_cannot_answer_leaves_it_as_it_was(copy, ran, write_policy):
    with pytest.raises(UsageProblem, match="names the subject 'nix'"):
        gate_again(copy, write_policy(subject="nix"), Silence())
    assert bytes_of(copy).items() >= bytes_of(ran.folder).items() - {(".lock", b"")}
    read_run(copy, finished=True).verify()


@pytest.mark.parametrize("out", [False, True])
def test_an_unfinished_run_is_inconclusive(copy, write_policy, tmp_path, out):
    (copy / "run.json").unlink()
    with pytest.raises(InconclusiveProblem, match="not finished"):
        gate_again(copy, write_policy(), Silence(), out=tmp_path / "out" if out else None)


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("name", ["findings.json", "tables/prompts.parquet", "images/00000.parquet", "decision.json"])
def test_a_run_with_a_changed_file_is_not_decided(copy, write_policy, tmp_path, name, out):
    with (copy / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(EnvironmentProblem, match=r"\(changed\)"):
        gate_again(copy, write_policy(), Silence(), out=tmp_path / "out" if out else None)


def test_a_run_with_a_missing_shard_is_not_decided(copy, write_policy):
    next((copy / "scores").rglob("*.parquet")).unlink()
    with pytest.raises(EnvironmentProblem, match=r"\(missing\)"):
        gate_again(copy, write_policy(), Silence())


def test_a_run_is_not_compared_with_itself(copy, ran, write_policy):
    gate = dataclasses.replace(write_policy(more=COMPARING), baseline=ran.folder)
    with pytest.raises(UsageProblem, match="is the run that is to be compared with it"):
        gate_again(copy, gate, Silence())


def test_a_level_is_examined_once_and_has_its_own_intervals(ran):
    examination = Examination(load_evidence(read_run(ran.folder)))
    assert examination.at(0.9) is examination.at(0.9)
    assert {finding.estimate.level for finding in examination.findings_at(0.9)} == {0.9}
    assert examination.at().findings == ran.findings


def test_single_prompts_have_the_values_that_their_images_give_alone(ran):
    evidence = load_evidence(read_run(ran.folder))
    subjects = evidence.prompts[evidence.prompts["role"] == "subject"]
    values = Examination(evidence).prompt_values("gender.undetermined_share")
    assert sorted(value.text for value in values) == sorted(subjects["text"])
    for value in values:
        [prompt] = subjects.loc[(subjects["text"] == value.text), "prompt_id"]
        assert set(subjects.loc[subjects["prompt_id"] == prompt, "concept"]) == {value.subject}
        kept = evidence.prompts[(evidence.prompts["role"] != "subject") | (evidence.prompts["prompt_id"] == prompt)]
        only = dataclasses.replace(
            evidence,
            prompts=kept,
            images=evidence.images[evidence.images["prompt_id"].isin(kept["prompt_id"])],
            scores={n: t[t["prompt_id"].isin(kept["prompt_id"])] for n, t in evidence.scores.items()},
        )
        [alone] = [
            finding.estimate.value
            for finding in LENSES["gender"].examine(only).findings
            if finding.metric == "gender.undetermined_share" and finding.subject == value.subject
        ]
        assert value.value == alone


def test_metrics_of_whole_suites_have_no_values_of_single_prompts(ran):
    examination = Examination(load_evidence(read_run(ran.folder)))
    assert examination.prompt_values("quality.converged_share") == ()
    assert examination.prompt_values("controls.noise_person_rate") == ()
