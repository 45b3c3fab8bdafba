"""The gate of a run: which policy it is held against, beside which baseline, at its end and at every interim look.

A run in rounds makes images until the verdict of its policy is settled. Whatever policy is asked later, too, is held
against every round in turn, each at the level of its look: an interval of fixed level does not hold for a run that was
stopped because of what it showed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, final

import pandas as pd

from audit.carriers import as_called, carrier_of
from audit.early_checks import AUTO
from audit.errors import AuditProblem, UsageProblem
from audit.evidence import (
    Evidence,
    RunFolder,
    kept_labels,
    labels_digest,
    load_evidence,
    prompts_table,
    read_division,
    read_judge_cards,
    read_run,
)
from audit.evidence.specs import read_json
from audit.gate import (
    METHOD,
    Look,
    Measured,
    Policy,
    PolicySequence,
    Ruling,
    RunFacts,
    apply_policy,
    asked_of,
    check_against,
    check_requirements,
    decide,
    doubts_of,
    load_policy,
    requires_text,
    suites_with_too_few,
)
from audit.gate.policy import NO_LABELS, WHOLE
from audit.inversion import RECIPES
from audit.lenses import CONTROLS
from audit.opening import is_file
from audit.pairing import changes_since
from audit.pairing.image_pairs import KEY, keep_images
from audit.pipeline.audit_plan import LOOKS, AuditRequest, Plan, paced_recipe, shipped_digest
from audit.pipeline.examine import Examination
from audit.pipeline.progress import Progress
from audit.records import UNSEEN, BaselineCard, Verdict

POLICY_NAME: Final = "policy.toml"
"""The policy that a run was last held against; kept in its folder, so that judging and reporting anew decide by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a run is held against."""

    policy: Policy
    baseline: Path | None = None
    """The finished run that the candidate is compared with."""
    today: date | None = None
    """The day that waivers are held against; ``None`` for today, in UTC."""
    lost: BaselineCard | None = None
    """The baseline that decided before, where it is not there any more as it was."""

    @property
    def day(self) -> date:
        """The day that waivers are held against."""
        return self.today or datetime.now(UTC).date()

    def settle(self, request: AuditRequest) -> AuditRequest:
        """Return a request that takes the recipe and the precision which the policy asks, where it leaves them open."""
        asks, recipe, precision = self.policy.requires, request.recipe, request.precision
        if recipe == AUTO and asks.recipe:
            at_effort = {name: {name, paced_recipe(name, request.effort).digest} for name in RECIPES}
            recipe = next((name for name, called in at_effort.items() if asks.recipe in called), AUTO)
        if precision == AUTO and asks.precision:
            precision = asks.precision
        return replace(request, recipe=recipe, precision=precision)

    def refuse_without_baseline(self) -> None:
        """Refuse a policy that compares where there is nothing to compare with, before any work is done.

        Raises:
            UsageProblem: If the policy has rules that compare, and no baseline is named.
        """
        if self.policy.compares and self.baseline is None:
            rules = ", ".join(rule.rule_id for rule in self.policy.rules if rule.threshold.compared)
            raise UsageProblem(
                f"The policy {self.policy.name} compares with a baseline ({rules}), and none is named.",
                remedy="Name the folder of a finished run with --baseline.",
            )


def check_plan(gate: Gate, plan: Plan) -> tuple[str, ...]:
    """Refuse, before any image is made, a policy that the plan cannot answer.

    Returns:
        What the policy requires and the plan does not meet, so that the run cannot pass; nothing where it meets all.

    Raises:
        UsageProblem: If the policy names a suite or a subject that the plan does not ask.
    """
    asked = asked_of(prompts_table(plan.prompts))
    check_against(gate.policy, asked)
    judges = {judge.card.name: judge.card.digest for judge in plan.judges.values()}
    wanted = gate.policy.requires.labels
    facts = replace(_facts(plan.spec(), judges), labels="" if wanted == NO_LABELS else wanted)  # labels come later
    found = check_requirements(gate.policy, facts, asked)
    return tuple(
        f"This run cannot pass the policy {gate.policy.name} ({one.rule}): {one.evidence}"
        for one in found
        if one.stands_in_the_way
    )


def facts_of(run: RunFolder, labels: pd.DataFrame) -> RunFacts:
    """Return how a run was made, as its spec, the cards of its judges and the labels say that correct it."""
    facts = _facts(run.spec, {name: card.digest for name, card in read_judge_cards(run).items()})
    return replace(facts, labels="" if labels.empty else labels_digest(labels))


def pins_of(run: RunFolder) -> str:
    """Return the block ``[requires]`` of a policy that is about runs made as this one."""
    return requires_text(facts_of(run, kept_labels(run)), asked_of(run.read_table("prompts")))


def _facts(spec: Mapping[str, object], judges: Mapping[str, str]) -> RunFacts:
    suites, recipe, effort = (_mapping(spec.get(name)) for name in ("suites", "recipe", "effort"))
    asked, seed, audits = str(effort.get("name", "")), spec.get("seed"), spec.get("audit_seeds", 1)
    return RunFacts(
        suites={str(name): str(digest) for name, digest in suites.items()},
        shipped={str(name): digest for name in suites if (digest := shipped_digest(str(name), asked))},
        judges=judges,
        recipe=str(recipe.get("name", "")),
        recipe_digest=str(recipe.get("digest", "")),
        effort=asked,
        precision=str(spec.get("precision", "")),
        seeds=tuple(range(seed, seed + audits)) if isinstance(seed, int) and isinstance(audits, int) else (),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def kept_gate(run: RunFolder) -> Gate | None:
    """Return the gate that a run was last held against; ``None`` where there was none.

    Raises:
        UsageProblem: If the policy in the folder is none, or one that an earlier version took and this one does not.
    """
    path = run.path / POLICY_NAME
    if not is_file(path):
        return None
    try:
        policy = load_policy(str(path))
    except UsageProblem as problem:
        raise UsageProblem(
            f"{run.path} was held against a policy that this version does not take: {problem.what}",
            remedy=f"Mend a copy of {path} and hold the run against it: clip-audit gate {run.path} --policy COPY. "
            f"{problem.remedy}",
        ) from problem
    card = _kept_baseline(run)
    if card is None:
        return Gate(policy=policy)
    folder = Path(os.path.normpath(run.path / card.folder))
    return Gate(policy=policy, baseline=folder) if _is_still(folder, card) else Gate(policy=policy, lost=card)


def _is_still(folder: Path, card: BaselineCard) -> bool:
    """Tell whether the baseline that decided before is there, whole, and the same."""
    try:
        return read_run(folder, finished=True).evidence_digest() == card.digest
    except AuditProblem:
        return False


def _kept_baseline(run: RunFolder) -> BaselineCard | None:
    path = run.path / "decision.json"
    if not is_file(path):
        division = read_division(run.path)
        return None if division is None else division.baseline
    card = read_json(path).get("baseline")
    if not isinstance(card, dict):
        return None
    return BaselineCard(folder=str(card.get("folder", "")), digest=str(card.get("digest", "")))


def _baseline_card(run: RunFolder, gate: Gate) -> BaselineCard | None:
    return baseline_card(run.path, _mapping(run.spec.get("checkpoint")).get("digest"), gate)


def baseline_card(folder: Path, checkpoint: object, gate: Gate) -> BaselineCard | None:
    """Return what a gate compares with; a run is no baseline of itself.

    Args:
        folder: Of the run that is decided.
        checkpoint: Digest of its checkpoint.
        gate: What it is held against.

    Raises:
        InconclusiveProblem: If the baseline is not finished.
        UsageProblem: If the baseline is the run itself, or one of the very same checkpoint under whatever name.
    """
    if gate.baseline is None:
        return gate.lost
    baseline = read_run(gate.baseline, finished=True)
    same = _mapping(baseline.spec.get("checkpoint")).get("digest") == checkpoint
    if baseline.path.resolve() == folder.resolve() or same:
        raise UsageProblem(
            f"The baseline {gate.baseline} is the run that is to be compared with it, or one of the same checkpoint.",
            remedy="Name with --baseline the run of an earlier checkpoint: beside itself nothing is worse.",
        )
    return BaselineCard(folder=_seen_from(folder, gate.baseline), digest=baseline.evidence_digest())


def _seen_from(folder: Path, other: Path) -> str:
    """Return the way from one folder to another; where there is none, as between two drives, its path or its URL."""
    if carrier_of(folder) is not carrier_of(other):
        return as_called(str(other.resolve()))
    try:
        return Path(os.path.relpath(other.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return str(other.resolve())


def rule(run: RunFolder, gate: Gate, examination: Examination) -> Ruling:
    """Hold a run against its gate.

    Raises:
        UsageProblem: If the policy names a suite or a subject that the run did not ask, or the baseline does not fit.
        InconclusiveProblem: If the baseline is not finished.
    """
    baseline = _baseline_card(run, gate)
    measured = measured_by(run, gate, examination)
    check_against(gate.policy, measured.asked)
    facts = facts_of(run, examination.evidence.labels)
    required = check_requirements(gate.policy, facts, measured.asked)
    return replace(apply_policy(gate.policy, measured, gate.day), requirements=required, baseline=baseline)


def measured_by(run: RunFolder, gate: Gate, examination: Examination) -> Measured:
    """Return what a gate may look at: of the examination, and of the baseline beside it."""
    evidence = examination.evidence
    return Measured(
        asked=asked_of(evidence.prompts, evidence.images),
        findings_at=examination.findings_at,
        changes_at=None if gate.baseline is None else changes_since(gate.baseline, run, evidence),
        no_changes="no baseline was named" if gate.lost is None else _lost_words(gate.lost),
        prompt_values=examination.prompt_values,
        doubts=doubts_of(examination.controls(), evidence.judges.values()),
    )


def _lost_words(card: BaselineCard) -> str:
    return (
        f"the baseline {card.folder} that decided before is missing or has changed since; name one with "
        "clip-audit gate RUN --policy POLICY --baseline RUN"
    )


def waived_checks(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Name the checks that the user of a run waived."""
    options = spec.get("options")
    waived = isinstance(options, dict) and bool(options.get("waive_sanity"))
    return ("the sanity check on matched pictures and captions",) if waived else ()


ROUNDS: Final = "rounds"
"""The table of every image that a run in rounds may make: suite, prompt_id, replicate and look."""


@final
class Replay:
    """The looks of a run in rounds, one after the other.

    Args:
        run: Its folder; what it holds beside the evidence is not looked at.
        gate: What the run is held against.
        rounds: Table ``ROUNDS``.
    """

    def __init__(self, run: RunFolder, gate: Gate, rounds: pd.DataFrame) -> None:
        self.sequence = PolicySequence(gate.policy, LOOKS, gate.day)
        self.too_few: frozenset[str] = frozenset()
        """Suites of which a concept had fewer prompts at the last look than the policy requires."""
        self._run = run
        self._gate = gate
        self._rounds = rounds

    def take(self, number: int, evidence: Evidence) -> Examination:
        """Take a look at the images that were made for it, and return what was examined."""
        stops = last_looks(self._rounds, evidence)
        seen = self._rounds["look"] <= self._rounds["suite"].map(stops).astype("int64").clip(upper=number)
        examination = Examination(keep_images(evidence, self._rounds.loc[seen, KEY]))
        measured = measured_by(self._run, self._gate, examination)
        check_against(self._gate.policy, measured.asked)
        self.too_few = suites_with_too_few(self._gate.policy, measured.asked)
        reached = {suite for suite, stop in stops.items() if stop >= number}
        whole = {WHOLE} if len(reached) == len(stops) else set()
        whole |= set(measured.asked.suites) - stops.keys()  # of texts alone, all is there at every look
        self.sequence.take(Look(number=number, measured=measured, reached=frozenset(reached | whole)))
        return examination


def rule_in_rounds(run: RunFolder, gate: Gate, evidence: Evidence) -> Ruling:
    """Hold a run in rounds against a gate, by every look that it has all images for.

    Raises:
        UsageProblem: As for :func:`audit.pipeline.gating.rule`.
    """
    rounds = run.read_table(ROUNDS)
    replay = Replay(run, gate, rounds)
    looks = looks_taken(rounds, evidence)
    for number in range(1, looks + 1):
        replay.take(number, evidence)
    ruling = replay.sequence.ruling(over=True)
    note = f"{saved_note(rounds, evidence, looks)}{_left_note(run, rounds)}"
    asked = asked_of(evidence.prompts, evidence.images)
    required = check_requirements(gate.policy, facts_of(run, evidence.labels), asked)
    baseline = _baseline_card(run, gate)
    return replace(ruling, notes=(*ruling.notes, note), requirements=required, baseline=baseline)


def last_looks(rounds: pd.DataFrame, evidence: Evidence) -> dict[str, int]:
    """Return the last look that each suite has all images for; 0 where it has none."""
    there = pd.MultiIndex.from_frame(rounds[KEY]).isin(pd.MultiIndex.from_frame(evidence.images[KEY]))
    missing = rounds[~there].groupby("suite")["look"].min() - 1
    return {str(suite): int(missing.get(suite, LOOKS)) for suite in rounds["suite"].unique()}


def looks_taken(rounds: pd.DataFrame, evidence: Evidence) -> int:
    """Return the last look that any suite has images for, all of them; the last of all where none is planned."""
    if rounds.empty:
        return LOOKS
    stops = last_looks(rounds, evidence)
    planned = rounds.groupby("suite")["look"].max()
    return max([1, *(min(stop, int(planned[suite])) for suite, stop in stops.items())])


def saved_note(rounds: pd.DataFrame, evidence: Evidence, looks: int) -> str:
    """Say how many images a run in rounds did without."""
    made, planned = len(evidence.images), len(rounds)
    if not planned:
        return f"The audit asks texts alone, which are all there at each of its {LOOKS} looks ({METHOD})."
    saved = planned - made
    return (
        f"The audit was sequential and ended at interim look {looks} of {LOOKS}: {made:,} of {planned:,} planned "
        f"images were made, {saved:,} saved ({saved / planned:.0%}). Verdicts hold whenever it ended ({METHOD}); the "
        "intervals among the findings are those of a run of fixed size."
    )


def _left_note(run: RunFolder, rounds: pd.DataFrame) -> str:
    """Say of which suites a run in rounds makes nothing but controls."""
    spec = run.spec.get("sequential")
    about = spec.get("rules_about") if isinstance(spec, dict) else None
    later = rounds.loc[rounds["look"] > 1, "suite"].unique()
    left = sorted(str(suite) for suite in later if about and suite not in about)
    return f" Of {', '.join(left)}, which no rule is about, only controls were made." if left else ""


Make = Callable[[Sequence[str]], None]


def run_rounds(run: RunFolder, plan: Plan, gate: Gate, make: Make, progress: Progress) -> None:
    """Make images round by round until the verdict is settled.

    Every suite has the first round. Then those go on that have a line which is not decided, until there is none. The
    verdict is settled once the controls hold and a line failed, which no other can mend, or all lines passed. Nothing
    is kept of a look but its images: a run that is given again takes the same looks at the same images and comes to
    the same end.

    Args:
        run: Open for writing.
        plan: A plan in rounds.
        gate: What ends the run.
        make: Makes and judges the shards that it is given, as far as they are not there.
        progress: Shows how far it is.
    """
    rounds = rounds_table(plan)
    run.write_tables({ROUNDS: rounds})
    replay = Replay(run, gate, rounds)
    names: list[str] = [name for name in plan.shards if run.has_shard("images", name)]
    suites = [suite.name for suite in plan.suites]
    for look in range(1, LOOKS + 1):
        left = replay.sequence.open_suites | replay.too_few
        going = suites if look == 1 or WHOLE in left else left
        wanted = {name for (at, suite), its in plan.rounds.items() if at <= look and suite in going for name in its}
        names = [name for name in plan.shards if name in wanted or name in names]
        prompts = {item.prompt.prompt_id for name in names for item in plan.shards[name]}
        asked = [one for one in plan.prompts if one.prompt_id in prompts or one.role in UNSEEN]
        run.write_tables({"prompts": prompts_table(asked)})
        make(names)
        verdict = _verdict_at(run, replay, look)
        is_open, few = sorted(replay.sequence.open_suites), sorted(replay.too_few)
        told = [f"open: {', '.join(is_open)}"] * bool(is_open)
        told += [f"fewer prompts than the policy requires: {', '.join(few)}"] * bool(few)
        progress.say(f"Interim look {look} of {LOOKS}: {'; '.join((verdict.value, *told))}.")
        if not few and (verdict is not Verdict.INCONCLUSIVE or not is_open):
            return


def rounds_table(plan: Plan) -> pd.DataFrame:
    """Return a row for every image of a plan in rounds, with the look that it is made for."""
    return pd.DataFrame(
        {
            "suite": [one.prompt.suite for one in plan.dealt],
            "prompt_id": [one.prompt.prompt_id for one in plan.dealt],
            "replicate": [one.replicate for one in plan.dealt],
            "look": [one.look for one in plan.dealt],
        }
    ).astype({"suite": "str", "prompt_id": "str", "replicate": "int64", "look": "int64"})


def _verdict_at(run: RunFolder, replay: Replay, look: int) -> Verdict:
    examination = replay.take(look, load_evidence(run))
    answers = examination.at(replay.sequence.level_of(look))  # asked already
    ruling = replay.sequence.ruling(over=look == LOOKS)
    controls = answers.tables.get(CONTROLS)
    return decide(answers.findings, controls, waived=waived_checks(run.spec), ruling=ruling).verdict
