"""A policy over the rounds of a run: the same answer while the run goes on, and from its folder ever after.

Whatever policy is asked later, too, is held against every round in turn, each at the level of its look: an interval of
fixed level does not hold for a run that was stopped because of what it showed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, final

import pandas as pd

from audit.evidence import Evidence, RunFolder
from audit.gate import METHOD, Look, PolicySequence, Ruling, check_against
from audit.gate.policy import WHOLE
from audit.pairing.image_pairs import KEY, keep_images
from audit.pipeline.examining import Examination
from audit.pipeline.policing import Gate, measured_by
from audit.pipeline.rounds import LOOKS

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
        self._run = run
        self._gate = gate
        self._rounds = rounds

    def take(self, number: int, evidence: Evidence) -> Examination:
        """Take a look at the images that were made for it, and return what was examined."""
        stops = last_looks(self._rounds, evidence)
        seen = self._rounds["look"] <= self._rounds["suite"].map(stops).clip(upper=number)
        examination = Examination(keep_images(evidence, self._rounds.loc[seen, KEY]))
        measured = measured_by(self._run, self._gate, examination)
        check_against(self._gate.policy, measured.asked)
        reached = {suite for suite, stop in stops.items() if stop >= number}
        whole = {WHOLE} if len(reached) == len(stops) else set()
        self.sequence.take(Look(number=number, measured=measured, reached=frozenset(reached | whole)))
        return examination


def rule_in_rounds(run: RunFolder, gate: Gate, evidence: Evidence) -> Ruling:
    """Hold a run in rounds against a gate, by every look that it has all images for.

    Raises:
        UsageProblem: As for :func:`audit.pipeline.policing.rule`.
    """
    rounds = run.read_table(ROUNDS)
    replay = Replay(run, gate, rounds)
    looks = looks_taken(rounds, evidence)
    for number in range(1, looks + 1):
        replay.take(number, evidence)
    ruling = replay.sequence.ruling(over=True)
    note = f"{saved_note(rounds, evidence, looks)}{_left_note(run, rounds)}"
    return replace(ruling, notes=(*ruling.notes, note))


def last_looks(rounds: pd.DataFrame, evidence: Evidence) -> dict[str, int]:
    """Return the last look that each suite has all images for; 0 where it has none."""
    there = pd.MultiIndex.from_frame(rounds[KEY]).isin(pd.MultiIndex.from_frame(evidence.images[KEY]))
    missing = rounds[~there].groupby("suite")["look"].min() - 1
    return {str(suite): int(missing.get(suite, LOOKS)) for suite in rounds["suite"].unique()}


def looks_taken(rounds: pd.DataFrame, evidence: Evidence) -> int:
    """Return the last look that any suite has images for, all of them."""
    stops = last_looks(rounds, evidence)
    planned = rounds.groupby("suite")["look"].max()
    return max(1, *(min(stop, int(planned[suite])) for suite, stop in stops.items()))


def saved_note(rounds: pd.DataFrame, evidence: Evidence, looks: int) -> str:
    """Say how many images a run in rounds did without."""
    made, planned = len(evidence.images), len(rounds)
    saved = planned - made
    return (
        f"The audit went in rounds and ended after look {looks} of {LOOKS}: {made:,} of {planned:,} planned images "
        f"were made, {saved:,} saved ({saved / planned:.0%}). Verdicts hold whenever it ended ({METHOD}); the "
        "intervals among the findings are those of a run of fixed size."
    )


def _left_note(run: RunFolder, rounds: pd.DataFrame) -> str:
    """Say of which suites a run in rounds makes nothing but controls."""
    spec = run.spec.get("sequential")
    about = spec.get("rules_about") if isinstance(spec, dict) else None
    later = rounds.loc[rounds["look"] > 1, "suite"].unique()
    left = sorted(str(suite) for suite in later if about and suite not in about)
    return f" Of {', '.join(left)}, which no rule is about, only controls were made." if left else ""
