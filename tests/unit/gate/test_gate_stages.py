"""The looks at which a line can be decided, their units and levels, by hand."""

from __future__ import annotations

import pytest

from audit.gate import Asked, PlannedLook, Size, spent
from audit.gate.lines import Line
from audit.gate.looks import Stage, stages_of, too_little_asked
from tests.gates import policy, rule

WHO = ("names", "nurse")


def stand(n: int | None, *, prompts: int = 8, images: int = 16) -> PlannedLook:
    asked = Asked(suites=("names",), concepts={}, sizes={WHO: Size(prompts=prompts, images=images)})
    return PlannedLook(asked=asked, units={} if n is None else {WHO: n})


def line(**changes) -> Line:
    return Line(rule=rule(subject="nurse", **changes), suite="names", subject="nurse", alone=True)


def test_a_run_of_fixed_size_has_one_look_that_fails_at_the_corrected_level():
    (holm,) = stages_of(line(), policy(level=0.9), [stand(8)], 4)
    assert (holm.look, holm.n, holm.pass_level) == (1, 8, 0.9)
    assert holm.fail_level == pytest.approx(1 - 0.1 / 4)
    plain = Stage(look=1, n=8, fail_level=0.9, pass_level=0.9)
    assert stages_of(line(), policy(level=0.9, correction="none"), [stand(8)], 4) == (plain,)


def test_each_look_has_its_units_and_what_is_spent_on_it():
    first, second, third = spent(0.1, 3)
    found = stages_of(line(), policy(level=0.9), [stand(2), stand(5), stand(8)], 4)
    assert [(one.look, one.n) for one in found] == [(1, 2), (2, 5), (3, 8)]
    assert [one.pass_level for one in found] == [1 - first, 1 - second, 1 - third]
    assert [one.fail_level for one in found] == pytest.approx([1 - first / 4, 1 - second / 4, 1 - third / 4])
    plain = stages_of(line(), policy(level=0.9, correction="none"), [stand(2), stand(8)], 4)
    assert (
        [one.fail_level for one in plain] == [one.pass_level for one in plain] == [1 - share for share in spent(0.1, 2)]
    )


def test_looks_without_an_interval_or_with_too_little_are_none_and_later_ones_keep_their_number():
    stands = [stand(None), stand(1), stand(4, prompts=3), stand(4, images=7), stand(4)]
    found = stages_of(line(min_prompts=4, min_images=8), policy(), stands, 1)
    assert [(one.look, one.n) for one in found] == [(5, 4)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"min_prompts": 8, "min_images": 16}, ""),
        ({"min_prompts": 9}, "the rule wants 9 prompts, and the run asks 8"),
        ({"min_images": 17}, "the rule wants 17 images, and the run makes 16"),
    ],
)
def test_what_a_rule_wants_more_of_is_said(changes, said):
    assert too_little_asked(line(**changes), stand(8).asked) == said


def test_a_subject_that_was_not_asked_is_not_known_beforehand():
    nobody = Asked(suites=("names",), concepts={}, sizes={("names", "pilot"): Size(prompts=8, images=16)})
    assert too_little_asked(line(), nobody) == "how many units it will rest on is not known beforehand"
