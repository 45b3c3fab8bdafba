"""What a run asked, and policies that name something else."""

from __future__ import annotations

import pytest
from gates import policy, rule, waiver
from worlds import World, add_controls, seen

from audit.errors import UsageProblem
from audit.gate import Asked, Size, asked_of, check_against


@pytest.fixture(scope="module")
def asked() -> Asked:
    world = World()
    for number in range(2):
        world.ask("ada", seen("woman"), seen("man"), suite="names", template=f"{number} {{thing}}", group="figure")
        world.ask("smith", seen("man"), suite="names", template=f"{number} {{thing}}", role="reference", group="job")
    world.ask("bob", seen("man"), suite="names", group="other")
    world.ask("nurse", seen("man"), suite="jobs")
    add_controls(world)
    evidence = world.evidence()
    return asked_of(evidence.prompts, evidence.images)


def test_subjects_are_counted_and_references_and_controls_are_not(asked):
    assert asked.suites == ("controls", "jobs", "names", "suite")
    assert asked.concepts == {"jobs": ("nurse",), "names": ("ada", "bob")}
    assert asked.sizes == {
        ("jobs", "*"): Size(prompts=1, images=1),
        ("jobs", "nurse"): Size(prompts=1, images=1),
        ("names", "*"): Size(prompts=3, images=5),
        ("names", "ada"): Size(prompts=2, images=4),
        ("names", "bob"): Size(prompts=1, images=1),
        ("names", "group:figure"): Size(prompts=2, images=4),
        ("names", "group:other"): Size(prompts=1, images=1),
    }


def test_before_there_are_images_prompts_are_counted_all_the_same():
    world = World()
    world.ask("nurse", seen("man"))
    assert asked_of(world.evidence().prompts).sizes["suite", "nurse"] == Size(prompts=1, images=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"suite": "nams"}, "names the suite 'nams', which this run does not ask. Did you mean 'names'?"),
        ({"subject": "adda"}, "names the subject 'adda', which this run does not ask. Did you mean 'ada'?"),
        ({"subject": "smith"}, "names the subject 'smith'"),
        ({"subject": "nurse"}, "names the subject 'nurse'"),
        ({"suite": "jobs", "subject": "ada"}, "names the subject 'ada'"),
        ({"suite": "*", "subject": "eve"}, "names the subject 'eve'"),
        ({"suite": "controls", "subject": "apple"}, "It asks: none"),
    ],
)
def test_a_policy_that_names_what_was_not_asked_is_refused(asked, changes, said):
    with pytest.raises(UsageProblem, match="The policy test, rule rule, ") as found:
        check_against(policy(rule(**changes)), asked)
    assert said in str(found.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subject": "each"},
        {"subject": "ada"},
        {"subject": "group:figure"},
        {"suite": "*", "subject": "nurse"},
        {"suite": "controls"},
    ],
)
def test_a_policy_that_names_what_was_asked_is_fine(asked, changes):
    check_against(policy(rule(**changes)), asked)


def test_a_waiver_of_a_stranger_is_refused(asked):
    check_against(policy(rule(subject="each"), waivers=[waiver(subject="ada"), waiver(subject="*")]), asked)
    with pytest.raises(UsageProblem, match="waiver of rule, names the subject 'eve'"):
        check_against(policy(rule(subject="each"), waivers=[waiver(subject="eve")]), asked)


@pytest.mark.parametrize(("subjects", "more"), [(12, ""), (13, " and more")])
def test_no_more_than_twelve_names_are_listed(subjects, more):
    names = [f"n{number:02}" for number in range(subjects)]
    size = Size(prompts=1, images=1)
    many = Asked(suites=("names",), concepts={}, sizes={("names", name): size for name in reversed(names)})
    with pytest.raises(UsageProblem) as found:
        check_against(policy(rule(subject="eve")), many)
    listed = "n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, n10, n11"
    said = str(found.value)
    assert f"{listed}{more}." in said
    assert [part for part in ("policy test", "rule rule", "'eve'", "Name another subject") if part not in said] == []
