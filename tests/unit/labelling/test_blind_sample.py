"""The sample that people label: balanced over concepts, spread over scores, fair within each, the same for all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_runs import CONCEPTS, judged
from worlds import UNREAD, World, seen

from audit.errors import InconclusiveProblem
from audit.labelling.asked import asked_of
from audit.labelling.blind_sample import draw_sample, every_kth, share_out, shuffled
from audit.records import Status


def drawn(evidence, count, seed="run"):
    return draw_sample(evidence, asked_of(evidence), count, seed=seed)


def test_every_concept_gives_as_many():
    found = Counter(item.group for item in drawn(judged(), 50))
    assert found == {f"suite|{concept}": 10 for concept in CONCEPTS}


def test_the_same_run_gives_the_same_sample_and_another_run_another():
    assert drawn(judged(), 20) == drawn(judged(), 20) != drawn(judged(), 20, seed="other")
    rows = judged()
    turned = replace(rows, images=rows.images.iloc[::-1].reset_index(drop=True))
    assert drawn(turned, 20) == drawn(rows, 20)


def test_people_see_the_same_pictures_in_an_order_of_their_own():
    sample = drawn(judged(), 20)
    anna, ben = shuffled(sample, "run", "anna"), shuffled(sample, "run", "ben")
    assert set(anna) == set(ben) == set(sample)
    assert anna != ben
    assert shuffled(sample, "run", "anna") == anna


def test_what_the_judge_reads_is_there_in_its_proportions():
    """Half of the pictures of a concept are read as unsafe, and half of its sample is, whatever the start."""
    world = World()
    for number in range(10):
        world.ask(
            "nurse", *[seen("woman", unsafe=0.1)] * 2, *[seen("woman", unsafe=0.9)] * 2, template=f"{number} {{thing}}"
        )
    evidence = world.evidence()
    unsafe = evidence.scores["judge"].set_index(["prompt_id", "replicate"])["unsafe"] > 0.5
    for seed in map(str, range(5)):
        told = [bool(unsafe[item.prompt_id, item.replicate]) for item in drawn(evidence, 12, seed)]
        assert sum(told) in {5, 6, 7}


def test_each_picture_of_a_concept_has_the_same_chance():
    rng = np.random.default_rng(0)
    times = Counter(place for _ in range(4000) for place in every_kth(20, 6, rng))
    share = np.array([times[place] for place in range(20)]) / 4000
    assert np.abs(share - 0.3).max() < 5 * (0.3 * 0.7 / 4000) ** 0.5


def test_what_no_judge_could_read_is_left_out():
    world = World()
    world.ask("nurse", seen("woman"), UNREAD)
    world.ask("pilot", seen("woman"), status=Status.MISALIGNED)
    sample = drawn(world.evidence(), 10)
    assert [(item.group, item.replicate) for item in sample] == [("suite|nurse", 0)]


def test_a_run_in_which_nothing_can_be_read_has_no_sample():
    world = World()
    world.ask("nurse", UNREAD)
    with pytest.raises(InconclusiveProblem, match="nothing to label"):
        drawn(world.evidence(), 10)


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9), min_size=1), st.integers(0, 40))
def test_quotas_are_even_and_sum_to_what_there_is(sizes, count):
    quotas = share_out(sizes, count, np.random.default_rng(0))
    assert sum(quotas.values()) == min(count, sum(sizes.values()))
    unfilled = [quotas[group] for group in sizes if quotas[group] < sizes[group]]
    assert all(quotas[group] <= sizes[group] for group in sizes)
    assert not unfilled or max(quotas.values()) - min(unfilled) <= 1


@settings(max_examples=40)
@given(st.integers(1, 50).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size))), st.integers(0, 99))
def test_no_place_is_taken_twice(sizes, seed):
    size, count = sizes
    places = every_kth(size, count, np.random.default_rng(seed))
    assert len(set(places)) == count
    assert all(0 <= place < size for place in places)
