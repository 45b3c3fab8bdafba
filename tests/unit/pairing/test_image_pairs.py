from dataclasses import replace

import pytest
from run_folders import SPEC, write_run
from two_runs import world_of
from worlds import UNREAD, World, judge_card, seen

from audit.errors import UsageProblem
from audit.evidence import card_to_json, read_run
from audit.pairing.image_pairs import (
    KEY,
    doubtful_differences,
    identical_images,
    keep_images,
    pair_images,
    refuse_unlike,
)
from audit.records import Status

LEANS = {"nurse": [0.1, 0.2], "pilot": [0.3, 0.4]}


@pytest.fixture
def make(tmp_path):
    def write(name="run", *, judges=None, spec_judges=None, **changed):
        changed |= {"judges": spec_judges} if spec_judges else {}
        return read_run(write_run(tmp_path / name, world_of(LEANS).evidence(judges), **changed))

    return write


def test_runs_that_differ_in_their_checkpoint_only_are_taken(make):
    refuse_unlike(make("one"), make("two", options={"waive_sanity": True}, shard_size=7))


CHANGED = {
    "suites": ({"suites": {"suite": "d" * 64}}, ("suites.suite", "suites.controls")),
    "recipe": (
        {"recipe": {**SPEC["recipe"], "steps": 64}},
        ("recipe.steps (48 in the baseline, 64 in the candidate)",),
    ),
    "effort": ({"effort": {"name": "full", "templates": 4}}, ("effort.name",)),
    "seed": ({"seed": 5}, ("seed (0 in the baseline, 5 in the candidate)",)),
    "several": ({"seed": 5, "effort": {"name": "full", "templates": 12}}, ("seed", "effort.name", "effort.templates")),
}


@pytest.mark.parametrize(("changed", "named"), CHANGED.values(), ids=CHANGED)
def test_every_other_difference_is_named_with_both_values(make, changed, named):
    with pytest.raises(UsageProblem, match="more than the checkpoint differs") as caught:
        refuse_unlike(make("one"), make("two", **changed))
    for name in named:
        assert name in caught.value.what
    assert "clip-audit judge" in caught.value.remedy


def test_another_precision_is_refused_unless_its_noise_is_carried(make):
    one, other = make("one"), make("two", precision="bf16")
    with pytest.raises(UsageProblem, match=r'precision \("fp32" in the baseline, "bf16" in the candidate\)') as caught:
        refuse_unlike(one, other)
    assert "--across-precision" in caught.value.remedy
    refuse_unlike(one, other, across_precision=True)
    with pytest.raises(UsageProblem, match="seed"):
        refuse_unlike(one, make("three", precision="bf16", seed=5), across_precision=True)


def test_other_judges_are_refused(make):
    one, two = judge_card("one"), judge_card("two")
    with pytest.raises(UsageProblem, match=r"judges\.two \(in the candidate, but not in the baseline\)"):
        refuse_unlike(make("a", judges={"one": one}), make("b", judges={"one": one, "two": two}))
    with pytest.raises(UsageProblem, match=r"judges\.one"):
        refuse_unlike(make("c", judges={"one": one}), make("d", judges={"one": replace(one, digest="2" * 64)}))


def test_judges_in_another_order_are_refused_because_the_first_has_the_findings(make):
    judges = {"one": judge_card("one"), "two": judge_card("two")}
    later = make("later", judges=judges, spec_judges={"two": card_to_json(judges["two"])})
    with pytest.raises(UsageProblem, match="order of judges"):
        refuse_unlike(make("at once", judges=judges), later)


def test_other_versions_and_devices_are_a_warning(make):
    other = make("two", versions={"clip-audit": "0.1.0", "torch": "2.14.0"}, device="cuda")
    one = make("one")
    refuse_unlike(one, other)
    [warning] = doubtful_differences(one, other)
    assert 'versions.torch ("2.15.0" in the baseline, "2.14.0" in the candidate)' in warning
    assert "device" in warning
    assert doubtful_differences(other, other) == ()


def test_images_that_one_run_lacks_are_left_out_and_counted():
    whole = world_of(LEANS).evidence()
    less = world_of({"nurse": [0.1, 0.2], "pilot": [0.3]}).evidence()
    pairs = pair_images(whole, less)
    assert (len(pairs.usable), pairs.n_baseline_only, pairs.n_candidate_only) == (3, 1, 0)
    for table in (pairs.baseline.prompts, pairs.baseline.images, pairs.baseline.scores["judge"]):
        assert set(table["prompt_id"]) == set(less.prompts["prompt_id"])


def test_images_from_other_seeds_are_no_pair():
    one, two = world_of(LEANS), world_of(LEANS)
    two.images[1]["seed"] = 2
    with pytest.raises(UsageProblem, match=r"1 of 4 images did not start from the same seed.*1 in the baseline, 2 in"):
        pair_images(one.evidence(), two.evidence())


def test_runs_without_a_common_image_are_refused():
    with pytest.raises(UsageProblem, match="no image of the same prompt"):
        pair_images(world_of({"nurse": [0.1]}).evidence(), world_of({"pilot": [0.1]}).evidence())


def test_an_image_is_usable_if_it_converged_and_was_scored():
    one, two = World(), World()
    for world, first, status in ((one, seen("man"), Status.CONVERGED), (two, UNREAD, Status.STALLED)):
        world.ask("nurse", first, template="scored {x}")
        world.ask("nurse", seen("man"), template="stalled {x}", status=status)
        world.ask("noise 1", seen("no_person"), role="noise", template="noise", status=Status.NOISE)
    pairs = pair_images(one.evidence(), two.evidence())
    assert pairs.n_usable_once == 2
    assert pairs.usable["baseline"].all()
    assert pairs.usable.loc[pairs.usable["role"] == "noise", "candidate"].all()


def test_images_are_identical_if_their_bytes_are():
    one = world_of(LEANS)
    pairs = pair_images(one.evidence(), one.evidence())
    keys = [(str(row["prompt_id"]), 0) for row in one.images]
    before = {key: str(number) for number, key in enumerate(keys)}
    found = identical_images(pairs, before, {**before, keys[0]: "another picture"})
    assert set(found.itertuples(index=False, name=None)) == set(keys[1:])
    assert identical_images(pairs, before, {}).empty


def test_texts_that_are_only_read_stay_whichever_images_are_kept():
    world = world_of(LEANS)
    world.ask("zelka", role="text")
    evidence = world.evidence()
    kept = keep_images(evidence, evidence.images[KEY].iloc[:1])
    assert (len(kept.images), sorted(kept.prompts["role"])) == (1, ["subject", "text"])


def test_two_screens_without_any_image_are_a_pair():
    world = World()
    world.ask("zelka", role="text")
    pairs = pair_images(world.evidence(), world.evidence())
    assert (len(pairs.usable), len(pairs.candidate.prompts)) == (0, 1)
