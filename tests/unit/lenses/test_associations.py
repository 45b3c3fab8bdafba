import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from phrase_worlds import with_texts
from text_worlds import add_test
from worlds import World, seen

from audit.evidence import Evidence
from audit.lenses import LENSES
from audit.records import GRADE, QUESTION, SCALE_OF, Finding
from audit.stats import effect_size

LENS = LENSES["associations"]
NEAR_MALE = {"office": 0.9, "salary": 0.7, "home": 0.2, "garden": 0.1}
AXIS = {"man": (1.0, 0.0), "he": (1.0, 0.0), "woman": (0.0, 1.0), "she": (0.0, 1.0)}
LEANS = {"nurse": -0.8, "baker": 0.0, "judge": 0.4, "pilot": 0.8}


def found(evidence: Evidence, metric: str, subject: str = "*") -> Finding:
    [one] = [f for f in LENS.examine(evidence).findings if (f.metric, f.subject) == (f"associations.{metric}", subject)]
    return one


def unit(angle: float) -> tuple[float, float]:
    return np.cos(angle * np.pi / 2), np.sin(angle * np.pi / 2)


def word_test(near_male=None) -> Evidence:
    """A test whose words lie where they are put, from woman (0) to man (1)."""
    world = World()
    add_test(world)
    places = {word: unit(1 - place) for word, place in (near_male or NEAR_MALE).items()}
    return with_texts(world.evidence(), lambda text: {**places, **AXIS}[text.removeprefix("a ")])


def leaning(images=None) -> Evidence:
    """Professions whose texts lie between their own two ends, and images that lean as they do or otherwise."""
    world = World()
    at = {}
    for concept, lean in LEANS.items():
        for number in range(3):
            signed = (images or LEANS)[concept] + 0.01 * number
            template = f"{number} {{thing}}"
            world.ask(concept, seen("unclear", signed=signed), template=template, lens="gender")
            subject = world.prompts[-1]
            at[subject.text] = unit(0.5 - 0.5 * (lean + 0.01 * number))
            for grade, signed in ((-1.0, -1.0), (-0.5, -0.5), (0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
                facts = {SCALE_OF: subject.prompt_id, QUESTION: "gender", GRADE: grade}
                role = "explicit" if abs(grade) == 1 else "graded"
                expected = {1.0: "man", -1.0: "woman"}.get(grade, "")
                world.ask(
                    concept,
                    seen("unclear", signed=signed),
                    template=f"{template} at {grade}",
                    role=role,
                    facts=facts,
                    expected=expected,
                )
                at[world.prompts[-1].text] = unit(0.5 - 0.5 * grade)
    return with_texts(world.evidence(), at.__getitem__)


def test_effect_size_is_that_of_the_nearness_of_each_word():
    nearer = {word: np.subtract(*unit(1 - place)) for word, place in NEAR_MALE.items()}
    first, second = (np.array([nearer[word] for word in words]) for words in (("office", "salary"), ("home", "garden")))
    assert found(word_test(), "effect_size", "group:work").estimate.value == pytest.approx(
        effect_size(first, second).value, abs=1e-5
    )


def test_p_of_a_test_goes_through_all_ways_to_deal_the_words():
    ways = list(itertools.combinations(NEAR_MALE, 2))
    assert found(word_test(), "effect_size", "group:work").p_value == pytest.approx(1 / len(ways))


def test_turning_the_sets_round_turns_the_sign():
    turned = dict(zip(NEAR_MALE, reversed(NEAR_MALE.values()), strict=True))
    assert found(word_test(turned), "effect_size", "group:work").estimate.value < 0


def test_a_test_without_its_attributes_is_not_made():
    evidence = word_test()
    prompts = evidence.prompts
    facts = prompts["facts"].map(lambda text: json.dumps({**json.loads(text), "attributes": "male, other"}))
    assert LENS.examine(with_texts(evidence, lambda _: (1.0, 0.0))).findings
    changed = Evidence(
        prompts=prompts.assign(facts=facts),
        images=evidence.images,
        scores=evidence.scores,
        judges=evidence.judges,
        checkpoint=evidence.checkpoint,
        texts=evidence.texts,
    )
    assert LENS.examine(changed).findings == ()


def test_leans_are_in_the_order_of_the_places_of_the_texts():
    evidence = leaning({**LEANS, "pilot": 0.8})
    values = {concept: found(evidence, "text_lean", concept).estimate.value for concept in LEANS}
    assert values["baker"] == pytest.approx(0.0, abs=0.05)
    assert list(values) == sorted(values, key=values.get)


def test_lean_is_tested_against_the_middle():
    evidence = leaning()
    assert found(evidence, "text_lean", "nurse").p_value < 0.01
    assert found(evidence, "text_lean", "nurse").p_adjusted >= found(evidence, "text_lean", "nurse").p_value


def test_lean_needs_no_image():
    evidence = leaning()
    bare = Evidence(
        prompts=evidence.prompts,
        images=evidence.images.iloc[:0],
        scores={},
        judges={},
        checkpoint=evidence.checkpoint,
        texts=evidence.texts,
    )
    metrics = {f.metric for f in LENS.examine(bare).findings}
    assert metrics == {"associations.text_lean"}


def test_images_that_say_what_the_words_say_agree_and_add_nothing():
    evidence = leaning()
    assert found(evidence, "image_agreement").estimate.value == pytest.approx(1.0)
    assert found(evidence, "image_part").estimate.value == pytest.approx(0.0, abs=1e-9)


def test_images_that_say_the_contrary_disagree():
    evidence = leaning({concept: -lean for concept, lean in LEANS.items()})
    assert found(evidence, "image_agreement").estimate.value == pytest.approx(-1.0)


def test_images_in_another_order_have_a_part_of_their_own():
    evidence = leaning({"nurse": 0.4, "baker": -0.8, "judge": 0.8, "pilot": 0.0})
    assert found(evidence, "image_part").estimate.value > 0.9
    assert found(evidence, "image_part").estimate.high == 1.0


def test_images_that_were_not_read_and_texts_without_a_place_are_counted():
    evidence = leaning()
    asked = evidence.prompts
    subjects = asked.loc[(asked["role"] == "subject") & asked["concept"].isin(["nurse", "pilot"]), "prompt_id"]
    lost = evidence.images["prompt_id"].isin(subjects)
    stalled = replace(evidence, images=evidence.images.assign(status=evidence.images["status"].mask(lost, "stalled")))
    for metric in ("image_agreement", "image_part"):
        assert found(evidence, metric).n_unscored == 0
        assert found(stalled, metric).n_unscored == len(subjects)
    ends = asked.loc[asked["concept"].eq("nurse") & asked["role"].eq("explicit"), "text"]
    at = dict(zip(evidence.texts.texts, evidence.texts.vectors, strict=True)) | dict.fromkeys(ends, unit(0.0))
    one = with_texts(evidence, at.__getitem__)
    whole = found(one, "text_lean")
    assert (whole.estimate.n_prompts, whole.n_unscored) == (9, 3)
    assert found(one, "text_lean", "nurse").n_unscored == 3


def test_a_suite_without_scales_has_no_lean():
    world = World()
    world.ask("nurse", seen("woman"), lens="gender")
    assert LENS.examine(with_texts(world.evidence(), lambda _: (1.0, 0.0))).findings == ()
