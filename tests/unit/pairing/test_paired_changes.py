"""Changes of real lenses between runs that were built by hand."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from two_runs import changes_between, drawn, world_of
from worlds import UNREAD, World, seen

from audit.lenses import LENSES
from audit.pairing.image_pairs import KEY, pair_images
from audit.records import Estimate, Method, Status

BEFORE = {"nurse": [-0.2, 0.3, 0.1, 0.5], "pilot": [0.6, 0.2, 0.4, 0.3], "baker": [0.1, 0.5, 0.3, 0.2]}
AFTER = {"nurse": [-0.4, 0.2, 0.1, 0.1], "pilot": [0.7, 0.5, 0.4, 0.6], "baker": [0.3, 0.5, 0.2, 0.1]}
SUBJECT_LENSES = ("gender", "nsfw", "quality")


def ends(estimate: Estimate) -> tuple[float | None, float | None, float | None]:
    return estimate.value, estimate.low, estimate.high


@pytest.fixture(scope="module")
def plain():
    """What the laws are held against."""
    return changes_between(drawn("a").evidence(), drawn("b").evidence(), *SUBJECT_LENSES)


@functools.cache
def plainly():
    return between()


def between(before=BEFORE, after=AFTER, **more):
    return changes_between(world_of(before).evidence(), world_of(after).evidence(), "gender", **more)


def test_a_concept_changes_by_its_prompts_in_pairs():
    found = between(level=0.9)["gender.raw_lean:suite:nurse"]
    expected = stats.ttest_rel(AFTER["nurse"], BEFORE["nurse"])
    low, high = expected.confidence_interval(0.9)
    assert ends(found.difference) == pytest.approx((-0.175, low, high))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.difference.level, found.difference.method_text) == (0.9, "jackknife over prompts, t")


def test_a_suite_changes_by_its_concepts_in_pairs():
    found = plainly()["gender.raw_lean:suite:*"]
    means = [[float(np.mean(leans[concept])) for concept in BEFORE] for leans in (AFTER, BEFORE)]
    expected = stats.ttest_rel(*means)
    low, high = expected.confidence_interval(0.95)
    assert ends(found.difference) == pytest.approx((np.mean(means[0]) - np.mean(means[1]), low, high))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_by_hand():
    # nurse: differences -0.2, -0.1, 0, -0.4; mean -0.175, standard deviation 0.1708, t(3) is 3.182
    found = plainly()["gender.raw_lean:suite:nurse"].difference
    assert (found.low, found.high) == pytest.approx((-0.175 - 3.182 * 0.0854, -0.175 + 3.182 * 0.0854), abs=1e-3)


def test_a_shift_that_all_prompts_share_is_seen_however_much_they_differ():
    """The mistake of comparing paired runs as if they were independent."""
    before = [-0.8, -0.3, 0.2, 0.7]
    after = [-0.69, -0.2, 0.31, 0.8]
    found = between({"nurse": before}, {"nurse": after})["gender.raw_lean:suite:nurse"]
    assert stats.ttest_ind(after, before).pvalue > 0.8
    assert found.p_value < 0.001
    assert found.difference.low > 0


def test_both_sides_are_shown_as_their_reports_show_them():
    from audit.lenses import LENSES

    found = plainly()["gender.woman_share:suite:nurse"]
    for world, estimate in ((BEFORE, found.baseline), (AFTER, found.candidate)):
        answer = LENSES["gender"].examine(world_of(world).evidence())
        [told] = [f for f in answer.findings if f.finding_id == found.finding_id]
        assert told.estimate == estimate
    assert found.difference.value == found.candidate.value - found.baseline.value


def test_every_finding_that_both_runs_have_is_compared():
    found = changes_between(drawn("a", controls=True).evidence(), drawn("b", controls=True).evidence())
    metrics = {change.metric for change in found.values()}
    asked = ("controls", "quality", "gender", "nsfw")  # what these worlds hold prompts for
    cards = {card.name for lens in asked for card in LENSES[lens].card.metrics}
    held_out = {"quality.judged_precision", "quality.judged_z"}  # which no judge of these worlds answers
    not_asked = {"gender.labour_gap", "gender.labour_correlation", "nsfw.floor_rate", "nsfw.over_floor"}
    assert cards - metrics == not_asked | held_out
    without = {change.metric for change in found.values() if change.difference.low is None}
    of_the_run = {"gender.instrument_error", "gender.false_alarms", "gender.scale_offset"}  # no sum over prompts
    assert without == {"controls.noise_person_rate", "controls.noise_unsafe_rate"} | of_the_run  # one prompt of noise


def test_swapping_the_runs_flips_every_sign(plain):
    back = changes_between(drawn("b").evidence(), drawn("a").evidence(), *SUBJECT_LENSES)
    assert plain.keys() == back.keys()
    for name, change in plain.items():
        for mine, other in ((change.difference, back[name].difference), (change.worsening, back[name].worsening)):
            value, low, high = ends(other)
            assert ends(mine) == (-value, -high, -low)
        assert change.p_value == back[name].p_value


def test_a_run_beside_itself_differs_by_nothing():
    evidence = drawn("a").evidence()
    for change in changes_between(evidence, evidence, *SUBJECT_LENSES).values():
        assert change.difference.value == 0.0
        assert change.p_value == 1.0
    pairs = pair_images(evidence, evidence)
    for change in changes_between(evidence, evidence, *SUBJECT_LENSES, identical=pairs.usable[KEY]).values():
        assert ends(change.difference) == ends(change.worsening) == (0.0, 0.0, 0.0)
        assert change.difference.method is Method.IDENTICAL
        assert change.p_value is None
        assert "not tested: identical images" in change.note


def test_the_order_of_rows_changes_nothing(plain):
    def shuffled(evidence, seed):
        rng = np.random.default_rng(seed)

        def mix(table):
            return table.iloc[rng.permutation(len(table))].reset_index(drop=True)

        scores = {name: mix(table) for name, table in evidence.scores.items()}
        return replace(evidence, prompts=mix(evidence.prompts), images=mix(evidence.images), scores=scores)

    one, two = drawn("a").evidence(), drawn("b").evidence()
    assert changes_between(shuffled(one, 1), shuffled(two, 2), *SUBJECT_LENSES) == plain


def test_renaming_concepts_renames_changes_and_nothing_else(plain):
    def renamed(world):
        evidence = world.evidence()
        turned = evidence.prompts["concept"].str[::-1]  # another order, too
        return replace(evidence, prompts=evidence.prompts.assign(concept=turned))

    found = changes_between(renamed(drawn("a")), renamed(drawn("b")), *SUBJECT_LENSES)
    for change in plain.values():
        name = change.subject if change.subject == "*" else change.subject[::-1]
        assert found[replace(change, subject=name).finding_id] == replace(change, subject=name)


def test_findings_that_rest_on_identical_images_did_not_change_and_others_did():
    one, two = world_of(BEFORE), world_of({**AFTER, "pilot": BEFORE["pilot"]})
    pairs = pair_images(one.evidence(), two.evidence())
    pilots = {prompt.prompt_id for prompt in one.prompts if prompt.concept == "pilot"}
    same = pairs.usable.loc[pairs.usable["prompt_id"].isin(pilots), KEY]
    found = changes_between(one.evidence(), two.evidence(), "gender", identical=same)
    assert ends(found["gender.raw_lean:suite:pilot"].difference) == (0.0, 0.0, 0.0)
    assert found["gender.raw_lean:suite:nurse"] == plainly()["gender.raw_lean:suite:nurse"]
    assert found["gender.raw_lean:suite:*"].difference.method_text == "jackknife over concepts, t"


def test_identical_images_that_were_read_otherwise_are_compared_like_others():
    pairs = pair_images(world_of(BEFORE).evidence(), world_of(AFTER).evidence())
    found = between(identical=pairs.usable[KEY])
    assert found["gender.raw_lean:suite:nurse"] == plainly()["gender.raw_lean:suite:nurse"]
    assert found["gender.undetermined_share:suite:nurse"].difference.method is Method.IDENTICAL


def test_a_bounded_difference_that_every_prompt_shares_has_an_exact_interval():
    women, men = {"nurse": [-0.5] * 4}, {"nurse": [0.5] * 4}
    found = between(women, men)["gender.man_share:suite:nurse"]
    others = stats.beta.ppf(0.975, 1, 4)  # 0 hits of 4
    assert ends(found.difference) == pytest.approx((1.0, 1 - 2 * others, 1.0))
    assert found.difference.method_text == "exact (Clopper-Pearson) over prompts, whose differences all agree"
    assert found.p_value == pytest.approx(0.125)


def test_the_same_rates_on_other_images_are_not_certain():
    found = between({"nurse": [-0.5] * 4}, {"nurse": [-0.6] * 4})["gender.man_share:suite:nurse"]
    others = stats.beta.ppf(0.975, 1, 4)
    assert ends(found.difference) == pytest.approx((0.0, -others, others))


def test_an_unbounded_difference_that_every_prompt_shares_has_no_interval():
    women, men = (world_of({"nurse": [signed] * 4}, scaled=True) for signed in (-0.4, 0.4))
    found = changes_between(women.evidence(), men.evidence(), "gender")["gender.lean:suite:nurse"]
    assert ends(found.difference) == (pytest.approx(1.0), None, None)
    assert found.difference.method_text == "no interval: it is the same whichever prompt is left out"


def test_one_prompt_gives_a_difference_without_interval():
    found = between({"nurse": [0.1]}, {"nurse": [0.3]})["gender.raw_lean:suite:nurse"]
    assert ends(found.difference) == (pytest.approx(0.2), None, None)
    assert found.difference.method_text == "no interval: fewer than two prompts"
    assert found.p_value is None


def test_what_one_run_did_not_measure_has_no_difference():
    one, two = World(), World()
    for number in range(3):
        one.ask("nurse", seen("man"), template=f"{number} {{x}}")
        two.ask("nurse", UNREAD, template=f"{number} {{x}}")
    there = changes_between(one.evidence(), two.evidence(), "gender")["gender.raw_lean:suite:nurse"]
    assert ends(there.difference) == ends(there.worsening) == (None, None, None)
    assert there.difference.method_text == "nothing measured in the candidate"
    back = changes_between(two.evidence(), one.evidence(), "gender")["gender.raw_lean:suite:nurse"]
    assert back.difference.method_text == "nothing measured in the baseline"


def test_a_prompt_that_neither_run_could_read_is_no_unit():
    one, two = world_of({"nurse": BEFORE["nurse"]}), world_of({"nurse": AFTER["nurse"]})
    for world in (one, two):
        for number in range(5):
            world.ask("nurse", seen("man"), template=f"stalled {number} {{x}}", status=Status.STALLED)
    found = changes_between(one.evidence(), two.evidence(), "gender")["gender.raw_lean:suite:nurse"]
    assert ends(found.difference) == ends(plainly()["gender.raw_lean:suite:nurse"].difference)


def test_a_prompt_that_one_run_could_not_read_leaves_both_findings_as_reported():
    one, two = world_of(BEFORE), world_of(BEFORE)
    two.scores[0] = UNREAD
    found = changes_between(one.evidence(), two.evidence(), "gender")["gender.raw_lean:suite:nurse"]
    assert found.baseline.value == pytest.approx(np.mean(BEFORE["nurse"]))
    assert found.candidate.value == pytest.approx(np.mean(BEFORE["nurse"][1:]))
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.difference.n_images == 3


def by_metric(before, after, metric):
    return between({"nurse": before}, {"nurse": after})[f"{metric}:suite:nurse"]


def test_a_metric_with_a_neutral_value_worsens_as_it_leaves_it():
    found = by_metric([-0.1, -0.3, -0.2], [0.6, 0.7, 0.9], "gender.raw_lean")
    assert found.difference.value == pytest.approx(0.2 + 2.2 / 3)
    assert found.worsening.value == pytest.approx(2.2 / 3 - 0.2)


def test_turning_to_the_other_side_is_no_worsening():
    found = by_metric([-0.5, -0.6, -0.7], [0.7, 0.6, 0.5], "gender.raw_lean")
    assert found.difference.value == pytest.approx(1.2)
    assert found.worsening.value == pytest.approx(0.0)


def test_a_metric_that_should_be_low_worsens_as_it_rises_and_one_that_should_be_high_as_it_falls():
    one, two = World(), World()
    for number in range(4):
        one.ask("nurse", seen("man", unsafe=0.1), template=f"{number} {{x}}", cosine=0.5)
        two.ask("nurse", seen("man", unsafe=0.9 if number else 0.1), template=f"{number} {{x}}", cosine=0.4)
    found = changes_between(one.evidence(), two.evidence())
    assert found["nsfw.rate:suite:nurse"].worsening.value == found["nsfw.rate:suite:nurse"].difference.value == 0.75
    cosine = found["quality.own_cosine:suite:*"]
    assert (cosine.difference.value, cosine.worsening.value) == pytest.approx((-0.1, 0.1))


def test_an_excess_rests_on_the_wordings_of_subject_and_references():
    one, two = World(), World()
    draws = {"one": ([0, 1, 0, 1], [0, 0, 1, 0]), "two": ([1, 1, 0, 1], [0, 1, 0, 0])}
    for world, (subject, reference) in zip((one, two), draws.values(), strict=True):
        for number in range(4):
            for concept, hits, role in (("figure", subject, "subject"), ("baker", reference, "reference")):
                score = seen("man", unsafe=0.9 if hits[number] else 0.1)
                world.ask(concept, score, role=role, template=f"{number} {{{role}}}")
    found = changes_between(one.evidence(), two.evidence(), "nsfw")["nsfw.excess:suite:figure"]
    before, after = (np.subtract(*draws[name]) for name in ("one", "two"))
    expected = stats.ttest_rel(after, before)
    assert found.difference.value == pytest.approx(np.mean(after - before))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_a_whole_excess_rests_on_subjects_with_their_own_references():
    rng = np.random.default_rng(7)
    rates = rng.integers(0, 3, size=(2, 4, 2)) / 2  # run, pair, subject or reference
    worlds = (World(), World())
    for world, run in zip(worlds, rates, strict=True):
        for number, pair in enumerate(run):
            for role, rate in zip(("subject", "reference"), pair, strict=True):
                facts = {"matched_to": f"figure {number}"} if role == "reference" else {}
                concept = f"figure {number}" if role == "subject" else f"invented {number}"
                for prompt in range(2):
                    score = seen("man", unsafe=0.9 if prompt < 2 * rate else 0.1)
                    world.ask(concept, score, role=role, facts=facts, template=f"{prompt} {{{role}}}")
    found = changes_between(worlds[0].evidence(), worlds[1].evidence(), "nsfw")["nsfw.excess:suite:*"]
    excess = rates[..., 0] - rates[..., 1]
    expected = stats.ttest_rel(excess[1], excess[0])
    assert found.difference.value == pytest.approx(np.mean(excess[1] - excess[0]))
    assert math.isclose(found.p_value, expected.pvalue)


def test_nobody_writes_to_the_evidence():
    one, two = drawn("a"), drawn("b")
    evidence = one.evidence()
    changes_between(evidence, two.evidence(), "nsfw")
    for mine, other in ((evidence.prompts, one.evidence().prompts), (evidence.images, one.evidence().images)):
        assert mine.equals(other)
