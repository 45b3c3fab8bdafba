"""Both runs through every lens: whole, and without each unit in turn.

No lens knows about this. A unit is a wording (for what is found of a concept) or a concept (for what is found of a
suite, with all its wordings), and it is left out of both runs at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import CONTROLS, LENSES, WHOLE_SUITE, Lens, LensAnswer, MetricCard
from audit.lenses.common.references import MATCHED_TO
from audit.pairing.image_pairs import KEY, Pairs, keep_images
from audit.records import SCALE_OF, Estimate, Finding

GROUP: Final = "group:"
"""Beginning of the subject of a finding about a group of concepts."""

Unit = Literal["prompts", "concepts"]
OnFold = Callable[[int, int], None]
"""Called with the number of folds that are done, and of all. A fold leaves out one prompt or concept in both runs."""

_Found = Mapping[str, Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One finding in both runs, whole and without each unit that it may rest on."""

    before: Finding
    after: Finding
    card: MetricCard
    unit: Unit
    untouched: bool
    """Whether it rests on nothing but images that are the same in both runs, and has the same value in both: a judge
    can read the same image otherwise by a rounding error, if others stood beside it."""
    left: list[tuple[Finding | None, Finding | None]] = field(default_factory=list)
    """What is found in the baseline and in the candidate without one unit; filled fold by fold."""

    def rests_on(self, *left: Finding | None) -> bool:
        """Tell whether the finding of either run is another without a unit.

        Args:
            left: What is found without it in the baseline and in the candidate.
        """
        return any(
            found is None or _differs(whole.estimate, found.estimate, self.unit)
            for whole, found in zip((self.before, self.after), left, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BothExamined:
    """What the lenses say of two runs."""

    paired: tuple[Paired, ...]
    only_baseline: tuple[str, ...]
    """Findings that the candidate lacks, by id."""
    only_candidate: tuple[str, ...]
    controls: tuple[pd.DataFrame | None, ...]
    """The table ``controls`` of the baseline and of the candidate."""


def examine_both(
    pairs: Pairs,
    *,
    identical: pd.DataFrame,
    level: float = 0.95,
    lenses: Mapping[str, Lens] = LENSES,
    on_fold: OnFold = lambda _done, _all: None,
) -> BothExamined:
    """Ask lenses about both runs, whole and without each unit.

    Args:
        pairs: Both runs, image by image.
        identical: Keys of the pairs that are the same image. What rests on these only is not asked again.
        level: Confidence level of every interval, in (0, 1).
        lenses: The lenses by their names.
        on_fold: Shows how far the work is.
    """
    asking = _Asking(pairs=pairs, lenses=lenses, level=level)
    answers = [[lens.examine(side, level=level) for lens in lenses.values()] for side in asking.both]
    cards = {card.name: card for lens in lenses.values() for card in lens.card.metrics}
    before, after = ({found.finding_id: found for one in side for found in one.findings} for side in answers)
    still = _resting_on_others(asking, identical)
    paired = {
        name: Paired(
            before=found,
            after=after[name],
            card=cards[found.metric],
            unit=unit_of(found.suite, found.subject),
            untouched=still is not None and name not in still and found.estimate.value == after[name].estimate.value,
        )
        for name, found in before.items()
        if name in after
    }
    _leave_out_each(asking, paired, on_fold)
    return BothExamined(
        paired=tuple(paired.values()),
        only_baseline=tuple(name for name in before if name not in after),
        only_candidate=tuple(name for name in after if name not in before),
        controls=tuple(_controls(side) for side in answers),
    )


def unit_of(suite: str, subject: str) -> Unit:
    """Return what a finding rests on: a suite, or a group of it, on its concepts; all else on prompts."""
    whole = subject == WHOLE_SUITE or subject.startswith(GROUP)
    return "concepts" if whole and suite != WHOLE_SUITE else "prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """Who is asked about what."""

    pairs: Pairs
    lenses: Mapping[str, Lens]
    level: float

    @property
    def both(self) -> tuple[Evidence, Evidence]:
        """The evidence of the baseline and of the candidate."""
        return self.pairs.baseline, self.pairs.candidate

    def findings(self, evidence: Evidence, names: Collection[str]) -> _Found:
        """Return what the named lenses find, by id."""
        asked = [lens for name, lens in self.lenses.items() if name in names]
        return {
            found.finding_id: found for lens in asked for found in lens.examine(evidence, level=self.level).findings
        }

    def without(self, one: Fold, names: Collection[str]) -> tuple[_Found, _Found]:
        """Return what the named lenses find in either run without one unit."""
        if not names:
            return {}, {}
        before, after = (self.findings(leave_out(side, one.unit | one.apart), names) for side in self.both)
        return before, after


def _leave_out_each(asking: _Asking, paired: Mapping[str, Paired], on_fold: OnFold) -> None:
    """Fill in what is left of every finding without each unit that it may rest on."""
    asked = {name: one for name, one in paired.items() if not one.untouched}
    prompts = asking.pairs.baseline.prompts
    by_wording = folds_by_wording(prompts) if any(one.unit == "prompts" for one in asked.values()) else ()
    by_concept = folds_by_concept(prompts) if any(one.unit == "concepts" for one in asked.values()) else ()
    folds: list[tuple[Unit, Fold]] = [("prompts", one) for one in by_wording]
    folds += [("concepts", one) for one in by_concept]
    comparing = _lenses_that_compare(asking, asked, by_concept)
    for done, (unit, one) in enumerate(folds):
        on_fold(done, len(folds))
        wanted = {name: pair for name, pair in asked.items() if _is_asked(pair, unit, one)}
        names = {pair.before.lens for pair in wanted.values()}
        names = names & comparing if one.is_reference else names
        before, after = asking.without(one, names)
        for name, pair in wanted.items():
            if pair.before.lens in names:
                pair.left.append((before.get(name), after.get(name)))
    on_fold(len(folds), len(folds))


def _lenses_that_compare(asking: _Asking, asked: Mapping[str, Paired], folds: Sequence[Fold]) -> frozenset[str]:
    """Return the lenses to which references matter, as seen without any; the others need no fold for each of them."""
    references = [one for one in folds if one.is_reference]
    if not references:
        return frozenset()
    suites = frozenset().union(*(one.suites for one in references))
    none = Fold(unit=frozenset().union(*(one.unit for one in references)), suites=suites)
    wanted = {name: pair for name, pair in asked.items() if _is_asked(pair, "concepts", none)}
    before, after = asking.without(none, {pair.before.lens for pair in wanted.values()})
    return frozenset(
        pair.before.lens for name, pair in wanted.items() if pair.rests_on(before.get(name), after.get(name))
    )


def _is_asked(pair: Paired, unit: Unit, one: Fold) -> bool:
    return pair.unit == unit and pair.before.suite in {*one.suites, WHOLE_SUITE}


def _resting_on_others(asking: _Asking, identical: pd.DataFrame) -> frozenset[str] | None:
    """Return the findings that rest on an image of which the other run has another; ``None`` for all of them."""
    usable = asking.pairs.usable
    if identical.empty:
        return None
    if len(identical) == len(usable):
        return frozenset()
    marked = usable[KEY].merge(identical, on=KEY, how="left", indicator=True)
    others = marked.loc[marked["_merge"] == "left_only", KEY]
    found = [asking.findings(keep_images(side, others), asking.lenses.keys()) for side in asking.both]
    return frozenset(name for side in found for name, one in side.items() if one.estimate.n_images)


def _controls(answers: Sequence[LensAnswer]) -> pd.DataFrame | None:
    return next((answer.tables[CONTROLS] for answer in answers if CONTROLS in answer.tables), None)


def _differs(whole: Estimate, left: Estimate, unit: Unit) -> bool:
    """Tell whether two estimates differ.

    A suite may count images of a concept that adds nothing to it, as one whose lean could not be read off. So what
    counts there is the interval, which is hardly ever the same without a concept that does, whatever the value.
    """
    if unit == "prompts" or whole.low is None or left.low is None:
        return whole != left
    return (whole.value, whole.low, whole.high) != (left.value, left.low, left.high)


_SLOT: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One unit that is left out before the lenses look again."""

    unit: frozenset[str]
    """Ids of its prompts."""
    suites: frozenset[str]
    """Suites whose findings are asked for."""
    apart: frozenset[str] = frozenset()
    """Ids of prompts that have no part in these findings; they are left out to save time."""
    is_reference: bool = False
    """Whether the unit is a concept that others are only compared with."""


def folds_by_wording(prompts: pd.DataFrame) -> tuple[Fold, ...]:
    """Return a fold for every wording: in the k-th the k-th prompt of every concept is left out, with its scale.

    Prompts are counted within suite, role, concept and known answer, in the order of their templates; so a subject and
    what it is compared with lose the same wording. Where references have more wordings than any subject of their suite,
    their counting begins again, so that none is left out never.
    """
    numbers = _wording_numbers(prompts)
    suites = frozenset(str(suite) for suite in prompts["suite"])
    return tuple(
        Fold(unit=frozenset(prompt for prompt, number in numbers.items() if number == k), suites=suites)
        for k in range(max(numbers.values(), default=-1) + 1)
    )


def folds_by_concept(prompts: pd.DataFrame) -> tuple[Fold, ...]:
    """Return a fold for every concept of every suite.

    Everything about a concept goes together, and so does a subject with the references that are its own; a reference
    that several subjects share is a unit by itself.
    """
    folds = []
    for suite, rows in prompts.groupby("suite", sort=True):
        others = frozenset(prompts.loc[prompts["suite"] != suite, "prompt_id"])
        heads = _heads(rows)
        units = rows["concept"].map(lambda concept, heads=heads: heads.get(str(concept), str(concept)))
        folds += [
            Fold(
                unit=frozenset(unit["prompt_id"]),
                suites=frozenset({str(suite)}),
                apart=others,
                is_reference=set(unit["role"]) == {"reference"},
            )
            for _, unit in rows.groupby(units, sort=True)
        ]
    return tuple(folds)


def leave_out(evidence: Evidence, prompts: Collection[str]) -> Evidence:
    """Return evidence without some prompts."""

    def rest(table: pd.DataFrame) -> pd.DataFrame:
        return table[~table["prompt_id"].isin(prompts)].reset_index(drop=True)

    scores = {name: rest(table) for name, table in evidence.scores.items()}
    return replace(evidence, prompts=rest(evidence.prompts), images=rest(evidence.images), scores=scores)


def _wording_numbers(prompts: pd.DataFrame) -> dict[str, int]:
    """Return the number of the wording of every prompt; a scale has that of its subject."""
    scales = _scales(prompts)
    alone = prompts[~prompts["prompt_id"].isin(scales)]
    # what the slots are called is no part of the wording
    alone = alone.assign(sentence=[_SLOT.sub("{}", str(template)) for template in alone["template"]])
    ordered = alone.sort_values(["sentence", "prompt_id"])
    ordered = ordered.assign(number=ordered.groupby(["suite", "role", "concept", "expected"]).cumcount())
    subjects = ordered[ordered["role"] == "subject"]
    most = {str(suite): int(number) + 1 for suite, number in subjects.groupby("suite")["number"].max().items()}
    numbers = {
        str(prompt): int(number) % most[suite] if role == "reference" and suite in most else int(number)
        for prompt, number, role, suite in zip(
            ordered["prompt_id"], ordered["number"], ordered["role"], ordered["suite"], strict=True
        )
    }
    return numbers | {prompt: numbers[subject] for prompt, subject in scales.items() if subject in numbers}


def _scales(prompts: pd.DataFrame) -> dict[str, str]:
    """Return the subject prompt of every prompt that belongs to a scale."""
    known = set(prompts["prompt_id"])
    owners = [
        (str(prompt), _fact(text, SCALE_OF))
        for prompt, text in zip(prompts["prompt_id"], prompts["facts"], strict=True)
    ]
    return {prompt: owner for prompt, owner in owners if owner in known}


def _heads(rows: pd.DataFrame) -> dict[str, str]:
    """Return the subject that each reference of its own is left out with, by the names of their concepts."""
    concepts = rows.drop_duplicates(["role", "concept"])
    subjects = _matched(concepts[concepts["role"] == "subject"])
    references = _matched(concepts[concepts["role"] == "reference"])
    heads = {own: subject for subject, own in subjects.items() if own in references}
    return heads | {reference: subject for reference, subject in references.items() if subject in subjects}


def _matched(concepts: pd.DataFrame) -> dict[str, str]:
    return {
        str(name): _fact(text, MATCHED_TO) for name, text in zip(concepts["concept"], concepts["facts"], strict=True)
    }


def _fact(text: str, name: str) -> str:
    return str(json.loads(text).get(name, ""))
