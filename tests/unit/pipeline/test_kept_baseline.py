"""A baseline that decided once decides again, or it is said that it is not there."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from audit.errors import UsageProblem
from audit.evidence import Evidence, RunFolder, open_run, read_run
from audit.evidence.specs import repeat_command
from audit.gate import apply_policy, decision_document, load_policy
from audit.pipeline import gating
from audit.pipeline.gating import Gate, Replay, kept_gate, looks_taken, saved_note
from audit.records import Verdict
from tests.gates import TODAY, Run, decided, only, policy, rates, rule

POLICY = """schema_version = 1
name = "mine"
[[rule]]
id = "safe"
metric = "nsfw.raw_rate"
suite = "names"
subject = "*"
at_most = 0.2
"""


def finished(folder: Path, name: str) -> Path:
    with open_run(folder, {"schema_version": 1, "checkpoint": {"name": name, "digest": name}}) as run:
        run.write_text("policy.toml", POLICY)
        run.finish()
    return folder


@pytest.fixture
def compared(tmp_path) -> Path:
    """A run that was held against a policy beside a baseline."""
    before = finished(tmp_path / "runs" / "before", "before")
    folder = tmp_path / "runs" / "after"
    with open_run(folder, {"schema_version": 1, "checkpoint": {"name": "after", "digest": "after"}}) as run:
        run.write_text("policy.toml", POLICY)
        gate = Gate(policy=load_policy(str(folder / "policy.toml")), baseline=before)
        ruling = apply_policy(gate.policy, Run(rates(whole=0.0)).measured(), TODAY)
        decision = decided(replace(ruling, baseline=gating._baseline_card(run, gate)))
        run.write_text("decision.json", json.dumps(decision_document(decision)))
        run.finish()
    return folder


def test_a_run_is_decided_anew_beside_the_baseline_that_it_was_decided_beside(compared):
    stored = json.loads((compared / "decision.json").read_text(encoding="utf-8"))["baseline"]
    assert stored["folder"] == "../before"
    gate = kept_gate(read_run(compared))
    assert gate is not None
    assert gate.baseline == compared.parent / "before"
    assert gate.lost is None


def test_runs_that_move_together_stay_compared(compared, tmp_path):
    moved = shutil.copytree(compared.parent, tmp_path / "elsewhere")
    shutil.rmtree(compared.parent)
    assert kept_gate(read_run(moved / "after")).baseline == moved / "before"


def _remove(baseline: Path) -> None:
    shutil.rmtree(baseline)


def _change(baseline: Path) -> None:
    record = json.loads((baseline / "run.json").read_text(encoding="utf-8"))
    record["files"]["images/00000.parquet"] = "0" * 64
    (baseline / "run.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize("harm", [_remove, _change])
def test_a_baseline_that_is_missing_or_changed_is_said_and_not_forgotten(compared, harm):
    harm(compared.parent / "before")
    gate = kept_gate(read_run(compared))
    assert gate.baseline is None
    assert gate.lost.folder == "../before"
    assert gating._baseline_card(read_run(compared), gate) == gate.lost
    why = gating._lost_words(gate.lost)
    measured = replace(Run(rates(whole=0.0)).measured(), no_changes=why)
    [told] = apply_policy(policy(rule(worse_by_at_most=0.1)), measured, TODAY).results
    assert told.verdict is Verdict.INCONCLUSIVE
    assert "the baseline ../before that decided before is missing or has changed since" in told.evidence


def test_a_report_of_the_baseline_made_anew_is_no_change_of_it(compared):
    before = read_run(compared.parent / "before", finished=True)
    digest = before.evidence_digest()
    record = json.loads((before.path / "run.json").read_text(encoding="utf-8"))
    (before.path / "report.html").write_text("new", encoding="utf-8")
    record["files"]["report.html"] = hashlib.sha256(b"new").hexdigest()
    (before.path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert read_run(before.path, finished=True).evidence_digest() == digest


def test_a_run_is_no_baseline_of_itself(compared, tmp_path):
    run = read_run(compared)
    copy = shutil.copytree(compared, tmp_path / "copy")
    for same in (compared, copy):
        with pytest.raises(UsageProblem, match="is the run that is to be compared with it"):
            gating._baseline_card(run, Gate(policy=policy(), baseline=same))


def test_a_run_of_the_same_checkpoint_by_another_name_is_no_baseline(compared, tmp_path):
    link = tmp_path / "link"
    with open_run(link, {"schema_version": 1, "checkpoint": {"name": "a link to it", "digest": "after"}}) as run:
        run.finish()
    with pytest.raises(UsageProblem, match="or one of the same checkpoint"):
        gating._baseline_card(read_run(compared), Gate(policy=policy(), baseline=link))


def test_the_command_that_repeats_a_run_names_its_baseline():
    spec = {
        "checkpoint": {"name": "x"},
        "options": {},
        "judges": {},
        "recipe": {"name": "fast"},
        "effort": {"name": "q"},
    }
    assert "--policy policy.toml --baseline ../before" in repeat_command(
        spec, policy="policy.toml", baseline="../before"
    )
    assert "--baseline" not in repeat_command(spec, baseline="../before")


NO_ROUNDS = pd.DataFrame({"suite": [], "prompt_id": [], "replicate": [], "look": []}).astype(
    {"suite": "str", "prompt_id": "str", "replicate": "int64", "look": "int64"}
)


def test_a_run_in_rounds_of_texts_alone_is_decided_by_its_last_look(monkeypatch):
    evidence = object.__new__(Evidence)  # nothing but its images is looked at
    object.__setattr__(evidence, "images", pd.DataFrame({"prompt_id": [], "replicate": []}))
    assert looks_taken(NO_ROUNDS, evidence) == gating.LOOKS
    assert "asks texts alone" in saved_note(NO_ROUNDS, evidence, gating.LOOKS)
    key = ("wording.embedding_spread", "names", "*")
    text = rule(metric=key[0], at_most=0.2)
    values = Run({key: rates(whole=0.14)["nsfw.raw_rate", "names", "*"]})  # 3 standard errors inside
    monkeypatch.setattr(gating, "measured_by", lambda *_: values.measured())
    replay = Replay(object.__new__(RunFolder), Gate(policy=policy(text), today=TODAY), NO_ROUNDS)
    for number in range(1, gating.LOOKS + 1):
        replay.take(number, evidence)
    [told] = replay.sequence.ruling(over=True).results
    assert told.verdict is Verdict.PASS
    assert only(values, text).verdict is Verdict.PASS
