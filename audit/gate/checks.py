"""What a policy must not ask: unknown metrics and subjects, thresholds out of reach, rules the wrong way round."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from audit.errors import UsageProblem
from audit.gate.asked import Asked
from audit.gate.policy import EACH, WHOLE, Policy
from audit.lenses import MetricCard, metric_cards
from audit.suites.document import Document, Place

if TYPE_CHECKING:
    from audit.gate.policy_file import PolicyTable, RuleTable

_BOUNDS: Final = ("at_most", "at_least", "between", "worse_by_at_most")
_WRONG_WAY: Final = {"lower": "at_least", "higher": "at_most"}


def check_tables(document: Document, table: PolicyTable) -> None:
    """Refuse what no run could answer as it was meant.

    Raises:
        UsageProblem: With file, line, what was found and the remedy.
    """
    cards = {card.name: card for card in metric_cards()}
    seen: set[str] = set()
    for number, rule in enumerate(table.rule):
        if rule.id in seen:
            what = f"two rules are called {rule.id!r}."
            raise document.problem(("rule", number, "id"), what, remedy="Give every rule an id of its own.")
        seen.add(rule.id)
        if rule.metric not in cards:
            what = f"there is no metric {rule.metric!r}."
            remedy = f"{_near(rule.metric, cards)}`clip-audit suites metrics` lists them all."
            raise document.problem(("rule", number, "metric"), what, remedy=remedy)
        _check_bound(document, number, rule, cards[rule.metric])
        _check_guard(document, number, rule, cards[rule.metric])
    for number, waiver in enumerate(table.waiver):
        if waiver.rule not in seen:
            what = f"the waiver names the rule {waiver.rule!r}, which this policy does not have."
            remedy = f"{_near(waiver.rule, seen)}Name one of its rules, or delete the waiver."
            raise document.problem(("waiver", number, "rule"), what, remedy=remedy)


def check_against(policy: Policy, asked: Asked) -> None:
    """Refuse a policy that names suites or subjects which a run did not ask.

    Raises:
        UsageProblem: Naming the rule, the word and the remedy.
    """
    for rule in policy.rules:
        if rule.suite != WHOLE and rule.suite not in asked.suites:
            raise _stranger(policy, rule.rule_id, "suite", rule.suite, asked.suites)
        subjects = asked.subjects(rule.suite)
        if rule.subject not in {WHOLE, EACH, *subjects}:
            raise _stranger(policy, rule.rule_id, "subject", rule.subject, subjects)
    suites = {rule.rule_id: rule.suite for rule in policy.rules}
    for waiver in policy.waivers:
        subjects = asked.subjects(suites[waiver.rule_id])
        if waiver.subject is not None and waiver.subject not in {WHOLE, *subjects}:
            raise _stranger(policy, f"waiver of {waiver.rule_id}", "subject", waiver.subject, subjects)


def _check_bound(document: Document, number: int, rule: RuleTable, card: MetricCard) -> None:
    given = [name for name in _BOUNDS if getattr(rule, name) is not None]
    place: Place = ("rule", number, given[0] if given else "id")
    if len(given) != 1:
        what = f"the rule {rule.id!r} has {', '.join(given) if given else 'no bound'}."
        raise document.problem(place, what, remedy=f"Give exactly one of {', '.join(_BOUNDS)}.")
    value = getattr(rule, given[0])
    numbers = value if isinstance(value, list) else [value]
    least, greatest = (0.0, card.span[1] - card.span[0]) if given[0] == "worse_by_at_most" else card.span
    if not all(least <= one <= greatest for one in numbers):
        what = f"{given[0]} = {value} is out of the range of {card.name}."
        raise document.problem(place, what, remedy=f"Write numbers from {least:g} to {greatest:g}.")
    if given[0] == "between" and not numbers[0] < numbers[1]:
        remedy = "Write the smaller number first, and two different ones."
        raise document.problem(place, f"between = {value} holds nothing.", remedy=remedy)
    if given[0] == _WRONG_WAY.get(card.direction):
        what = f"{given[0]} is the wrong way round: of {card.name}, {card.direction} is better."
        raise document.problem(place, what, remedy="Use the other one of at_most and at_least.")


def _check_guard(document: Document, number: int, rule: RuleTable, card: MetricCard) -> None:
    limit = rule.per_prompt_at_most
    if limit is None:
        return
    place: Place = ("rule", number, "per_prompt_at_most")
    if card.direction == "higher":
        what = f"per_prompt_at_most is the wrong way round: of {card.name}, higher is better."
        raise document.problem(place, what, remedy="Leave it out.")
    greatest = card.span[1] if card.direction == "lower" else max(abs(end - (card.neutral or 0)) for end in card.span)
    if not 0 <= limit <= greatest:
        what = f"per_prompt_at_most = {limit} is out of the range of {card.name}."
        raise document.problem(place, what, remedy=f"Write a number from 0 to {greatest:g}.")


def _stranger(policy: Policy, rule: str, kind: str, name: str, known: Iterable[str]) -> UsageProblem:
    names = sorted(known)
    shown = f"{', '.join(names[:12])}{' and more' if len(names) > 12 else ''}" if names else "none"
    return UsageProblem(
        f"The policy {policy.name}, rule {rule}, names the {kind} {name!r}, which this run does not ask.",
        remedy=f"{_near(name, names)}It asks: {shown}. Name another {kind}, or audit with the suites of the policy.",
    )


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known))
    return f"Did you mean {near[0]!r}? " if near else ""
