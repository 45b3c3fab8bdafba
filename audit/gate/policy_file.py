"""Policy files: TOML, read strictly; whatever is doubtful is refused with file, line, what was found and what to do."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from audit.alike import visible
from audit.early_checks import RECIPE_NAMES, policy_path
from audit.errors import UsageProblem
from audit.gate.measured import Asked
from audit.gate.policy import (
    EACH,
    MAX_UNSCORED_SHARE,
    NO_LABELS,
    SHIPPED,
    WHOLE,
    Correction,
    EffortName,
    PinnedJudge,
    Policy,
    Requires,
    Rule,
    Threshold,
    Waiver,
    span_of,
)
from audit.lenses import MetricCard, metric_cards
from audit.packaged import POLICIES
from audit.parsing import as_written
from audit.suites.document import Document, Place, read_document
from audit.suites.suite_tables import Version

_HINT: Final = f"{POLICIES} holds examples"
_ID: Final = r"^[a-z0-9][a-z0-9_-]*$"
_Number = Annotated[float, Field(allow_inf_nan=False)]
_DIGEST: Final = r"^[0-9a-f]{16}([0-9a-f]{48})?$"
_Digest = Annotated[str, Field(pattern=_DIGEST)]


def _seen(text: str) -> str:
    if not visible(text):
        raise ValueError("nothing of the text can be seen")
    return text


_Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S"), AfterValidator(_seen)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RuleTable(_Table):
    """One ``[[rule]]``."""

    id: Annotated[str, Field(pattern=_ID, max_length=60)]
    metric: _Words
    suite: _Words
    subject: _Words
    at_most: _Number | None = None
    at_least: _Number | None = None
    between: Annotated[list[_Number], Field(min_length=2, max_length=2)] | None = None
    worse_by_at_most: _Number | None = None
    per_prompt_at_most: _Number | None = None
    min_prompts: Annotated[int, Field(ge=1)] = 1
    min_images: Annotated[int, Field(ge=1)] = 1
    max_unscored_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = MAX_UNSCORED_SHARE
    reason: Annotated[str, Field(max_length=2000)] = ""


class WaiverTable(_Table):
    """One ``[[waiver]]``."""

    rule: _Words
    subject: _Words | None = None
    reason: _Words
    owner: _Words
    expires: date


class JudgeTable(_Table):
    """One judge of ``[requires]``."""

    name: _Words
    digest: _Digest | None = None


_SuitePin = Annotated[str, Field(pattern=f"{_DIGEST}|^{SHIPPED}$")]


class RequiresTable(_Table):
    """``[requires]``."""

    suites: dict[str, _SuitePin | Annotated[list[_SuitePin], Field(min_length=1)]] = {}
    judges: Annotated[list[JudgeTable], Field(min_length=1)] | None = None
    recipe: _Words | None = None
    least_effort: EffortName | None = None
    least_prompts: Annotated[int, Field(ge=1)] = 1
    precision: Literal["fp32", "bf16"] | None = None
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=100)] | None = None
    labels: Annotated[str, Field(pattern=f"{_DIGEST}|^{NO_LABELS}$")] | None = None

    @field_validator("recipe")
    @classmethod
    def _recipe_that_there_is(cls, recipe: str | None) -> str | None:
        if recipe is not None and recipe not in RECIPE_NAMES and not re.fullmatch(_DIGEST, recipe):
            raise ValueError(f"name one of {', '.join(RECIPE_NAMES)}, or the digest of a recipe")
        return recipe

    @field_validator("judges")
    @classmethod
    def _judges_once(cls, judges: list[JudgeTable] | None) -> list[JudgeTable] | None:
        names = [judge.name for judge in judges or ()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"name every judge once; {twice} stands there twice")
        return judges

    @field_validator("seeds")
    @classmethod
    def _seeds_of_one_run(cls, seeds: list[int] | None) -> list[int] | None:
        if seeds and seeds != list(range(seeds[0], seeds[0] + len(seeds))):
            raise ValueError("seeds have to count up by 1, as those of --audit-seeds do")
        return seeds


class PolicyTable(_Table):
    """A whole policy file."""

    schema_version: Version
    name: _Words
    level: Annotated[float, Field(ge=0.8, le=0.9999, allow_inf_nan=False)] = 0.95
    correction: Correction = "holm"
    rule: Annotated[list[RuleTable], Field(min_length=1)]
    waiver: list[WaiverTable] = []
    requires: RequiresTable = RequiresTable()


def load_policy(name: str, today: date | None = None) -> Policy:
    """Read a policy.

    Args:
        name: The path of a ``.toml`` file, or the name of a shipped policy.
        today: The day from which a waiver may hold a year; ``None`` for today, in UTC.

    Raises:
        UsageProblem: If there is no usable policy; says file, line, what was found, and the remedy.

    Example:
        >>> load_policy("phantom").name
        'phantom'
    """
    day = today or datetime.now(UTC).date()
    return parse_policy(read_document(policy_path(name), kind="policy", hint=_HINT), day)


def parse_policy(document: Document, today: date) -> Policy:
    """Parse the text of a policy file.

    Raises:
        UsageProblem: If it is no policy, with file, line, what was found and the remedy.
    """
    raw = document.tables()
    try:
        table = PolicyTable.model_validate(raw)
    except ValidationError as error:
        raise _in_plain_words(document, error) from error
    check_tables(document, table, today)
    return Policy(
        name=table.name,
        level=table.level,
        correction=table.correction,
        rules=tuple(_rule(rule) for rule in table.rule),
        waivers=tuple(_waiver(waiver) for waiver in table.waiver),
        text=document.text,
        digest=hashlib.sha256(document.text.encode("utf-8")).hexdigest(),
        requires=_requires(table.requires),
    )


def _requires(table: RequiresTable) -> Requires:
    return Requires(
        suites={name: tuple(pin) if isinstance(pin, list) else (pin,) for name, pin in table.suites.items()},
        judges=tuple(PinnedJudge(name=judge.name, digest=judge.digest or "") for judge in table.judges or ()),
        recipe=table.recipe or "",
        least_effort=table.least_effort or "",
        least_prompts=table.least_prompts,
        precision=table.precision or "",
        seeds=tuple(table.seeds or ()),
        labels=table.labels or "",
    )


def _threshold(table: RuleTable) -> Threshold:
    low, high = table.between or (table.at_least, table.at_most)
    compared = table.worse_by_at_most is not None
    return Threshold(low=low, high=table.worse_by_at_most if compared else high, compared=compared)


def _rule(table: RuleTable) -> Rule:
    return Rule(
        rule_id=table.id,
        metric=table.metric,
        suite=table.suite,
        subject=table.subject,
        threshold=_threshold(table),
        per_prompt_at_most=table.per_prompt_at_most,
        min_prompts=table.min_prompts,
        min_images=table.min_images,
        max_unscored_share=table.max_unscored_share,
        reason=" ".join(table.reason.split()),
    )


def _waiver(table: WaiverTable) -> Waiver:
    return Waiver(
        rule_id=table.rule,
        subject=table.subject,
        reason=" ".join(table.reason.split()),
        owner=" ".join(table.owner.split()),
        expires=table.expires,
    )


def _in_plain_words(document: Document, error: ValidationError) -> UsageProblem:
    """Return one thing that is wrong with its line and remedy: a misspelt key before a missing one."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place: Place = first["loc"]
    key = str(place[-1])
    if first["type"] == "missing":
        return document.problem(place[:-1], f"the key {key!r} is missing.", remedy=_remedy_of_missing(place))
    if first["type"] == "extra_forbidden":
        return document.problem(place, f"unknown key {key!r}.", remedy=_known_keys(place))
    if place == ("rule",) and first["type"] == "too_short":
        return document.problem(place, "the policy has no rule.", remedy=_remedy_of_missing(place))
    shown = _as_toml(first["input"])
    where = _named(document, as_written(place))
    return document.problem(
        place, f"{where}: found {shown[:60]}{'...' if len(shown) > 60 else ''}.", remedy=_expected(first)
    )


def _named(document: Document, place: tuple[str, ...]) -> str:
    """Write where something stands; a rule or a waiver of several by what it is called, if it is called anything."""
    if len(place) > 2 and place[0] in {"rule", "waiver"} and place[1].isdigit():
        table = document.tables()[place[0]][int(place[1])]
        name = table.get("id" if place[0] == "rule" else "rule")
        if place[-1] not in {"id", "rule"} and isinstance(name, str):
            return f"{place[0]} {name!r}, {'.'.join(place[2:])}"
    return ".".join(place)


def _as_toml(value: object) -> str:
    """Write a value much as it stands in a file of TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):
        return value.isoformat()
    return "a table" if isinstance(value, dict) else repr(value)


def _remedy_of_missing(place: Place) -> str:
    if place[0] == "waiver":
        return (
            "A waiver needs its rule, a reason, an owner and the day on which it expires, as in expires = 2027-03-31."
        )
    if place == ("rule",):
        return f"A policy has a rule at least, below a line [[rule]]; {_HINT}."
    return f"Add {place[-1]} = ...; {_HINT}."


def _known_keys(place: Place) -> str:
    tables: dict[str, type[BaseModel]] = {"rule": RuleTable, "waiver": WaiverTable, "requires": RequiresTable}
    known = list(tables.get(str(place[0]), PolicyTable).model_fields)
    near = difflib.get_close_matches(str(place[-1]), known)
    return f"Did you mean {near[0]!r}?" if near else f"Use one of: {', '.join(known)}."


_WANTED: Final = {
    "finite_number": "a number, and not nan or inf",
    "float_type": "a number, without quotation marks",
    "int_type": "a whole number, without quotation marks and point",
    "list_type": "a list, in square brackets; tables of a list stand below a line in two, as [[rule]]",
    "model_type": "a table, in curly brackets",
    "dict_type": "a table",
    "string_type": "a text, in quotation marks",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "string_too_short": "a text that is not empty",
    "string_too_long": "{max_length} characters at most",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "{le:g} or less",
}
"""What is wanted, by the kind of what is wrong as pydantic names it."""


_FORMS: Final = {
    "id": "Write small letters, digits, hyphens and underscores, as in lean-of-professions.",
    "digest": "Write the 16 or 64 digits that `clip-audit gate RUN --pin` gives.",
}


def _expected(found: ErrorDetails) -> str:
    kind, place, ctx = found["type"], found["loc"], found.get("ctx", {})
    if kind == "literal_error":
        return f"Write {ctx['expected']}."
    if kind.startswith("date"):
        return "Write a day without quotation marks, as in expires = 2027-03-31."
    if place[:2] == ("requires", "suites"):
        return f'Write "{SHIPPED}", or the digest of the suite in 16 or 64 digits, or a list of digests.'
    if kind == "string_pattern_mismatch":
        return _FORMS.get(str(place[-1]), "Write a text with something to be seen in it.")
    if kind == "value_error":
        return f"{str(ctx['error'])[:1].upper()}{str(ctx['error'])[1:]}."
    return f"Write {_WANTED[kind].format(**ctx)}." if kind in _WANTED else f"{found['msg']}."


_BOUNDS: Final = ("at_most", "at_least", "between", "worse_by_at_most")
_LONGEST_WAIVER: Final = timedelta(days=366)
_WRONG_WAY: Final = {"lower": "at_least", "higher": "at_most"}


def check_tables(document: Document, table: PolicyTable, today: date) -> None:
    """Refuse what no run could answer as it was meant, and what every run would pass.

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
        _check_company(document, number, rule, table.rule)
    _check_requires(document, table)
    for number, waiver in enumerate(table.waiver):
        if waiver.rule not in seen:
            what = f"the waiver names the rule {waiver.rule!r}, which this policy does not have."
            remedy = f"{_near(waiver.rule, seen)}Name one of its rules, or delete the waiver."
            raise document.problem(("waiver", number, "rule"), what, remedy=remedy)
        last = today + _LONGEST_WAIVER
        if waiver.expires > last:
            what = f"the waiver of {waiver.rule!r} expires on {waiver.expires}, more than a year from now."
            remedy = f"Write a day until {last}; who still answers for it then renews it."
            raise document.problem(("waiver", number, "expires"), what, remedy=remedy)


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


def _check_requires(document: Document, table: PolicyTable) -> None:
    """Refuse a rule about suites that nothing names."""
    for number, rule in enumerate(table.rule):
        if rule.suite == WHOLE and not table.requires.suites:
            what = f'the rule {rule.id!r} is about "*", and the policy does not say which suites these are.'
            remedy = 'Name its suite, or the suites in [requires.suites], as in professions = "shipped".'
            raise document.problem(("rule", number, "suite"), what, remedy=remedy)


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
    _refuse_vacuous(document, place, rule, card)
    if given[0] == _WRONG_WAY.get(card.direction):
        what = f"{given[0]} is the wrong way round: of {card.name}, {card.direction} is better."
        raise document.problem(place, what, remedy="Use the other one of at_most and at_least.")


def _refuse_vacuous(document: Document, place: Place, rule: RuleTable, card: MetricCard) -> None:
    """Refuse a bound that no value of the metric can break."""
    threshold = _threshold(rule)
    least, greatest = span_of(card, rule.subject, compared=threshold.compared)
    if not threshold.breaks(least, least) and not threshold.breaks(greatest, greatest):
        what = f"nothing can break {place[-1]} = {getattr(rule, str(place[-1]))}: {card.name} "
        what += (
            "cannot change by more." if threshold.compared else f"lies from {least:g} to {greatest:g} by definition."
        )
        raise document.problem(place, what, remedy="Write a bound within that range, or delete the rule.")


def _check_company(document: Document, number: int, rule: RuleTable, rules: Iterable[RuleTable]) -> None:
    """Refuse a rule about a change that no rule about the value itself stands beside.

    Alone it would let a checkpoint pass that is as bad as a bad baseline.
    """
    if rule.worse_by_at_most is None:
        return
    beside = [
        other
        for other in rules
        if other.worse_by_at_most is None
        and (other.metric, other.suite) == (rule.metric, rule.suite)
        and (other.subject == rule.subject or (other.subject == EACH and rule.subject != WHOLE))
    ]
    if not beside:
        what = f"the rule {rule.id!r} bounds the change of {rule.metric} since a baseline, and no rule its value."
        remedy = (
            f"Add a rule on {rule.metric} with the suite {rule.suite!r}, the subject {rule.subject!r} and at_most, "
            "at_least or between: beside a bad baseline a bad checkpoint is no worse."
        )
        raise document.problem(("rule", number, "worse_by_at_most"), what, remedy=remedy)


def _check_guard(document: Document, number: int, rule: RuleTable, card: MetricCard) -> None:
    limit = rule.per_prompt_at_most
    if limit is None:
        return
    place: Place = ("rule", number, "per_prompt_at_most")
    if card.direction == "higher":
        what = f"per_prompt_at_most is the wrong way round: of {card.name}, higher is better."
        raise document.problem(place, what, remedy="Leave it out.")
    greatest = card.span[1] if card.direction == "lower" else max(abs(end - (card.neutral or 0)) for end in card.span)
    if not 0 <= limit < greatest:
        what = f"per_prompt_at_most = {limit} is out of the range of {card.name}, or nothing can lie beyond it."
        raise document.problem(place, what, remedy=f"Write a number from 0 to less than {greatest:g}.")


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
