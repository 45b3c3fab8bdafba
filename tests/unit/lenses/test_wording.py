import numpy as np
import pytest
from phrase_worlds import FRAMES, put, with_texts
from worlds import UNREAD, World, seen

from audit.lenses import LENSES
from audit.records import Finding
from audit.seeding import derive_seed

LENS = LENSES["wording"]
GROUPS = {
    "cook": ("a cook", "somebody who cooks", "a person at the stove"),
    "tailor": ("a tailor", "somebody who sews", "a person at the needle"),
    "dancer": ("a dancer", "somebody who dances", "a person on the stage"),
}
WORDINGS = ("first", "second", "third")


def leaning(signed: float):
    return seen("man" if signed > 0 else "woman", signed=signed)


def groups(score=lambda *_: (leaning(0.2),)) -> World:
    """Every phrase in every sentence, with the scores that a function of group, wording and sentence gives."""
    world = World()
    for concept, phrases in GROUPS.items():
        for wording, phrase in zip(WORDINGS, phrases, strict=True):
            for frame in FRAMES:
                scores = score(concept, wording, frame)
                put(world, concept, phrase, *scores, frames=[frame], lens="wording", group=wording)
    return world


def find(evidence, metric: str, subject: str = "*", suite: str = "suite") -> Finding:
    [found] = [
        f
        for f in LENS.examine(evidence).findings
        if (f.metric, f.subject, f.suite) == (f"wording.{metric}", subject, suite)
    ]
    return found


def by_group(text: str) -> np.ndarray:
    """One direction for each group, whatever the wording."""
    return np.eye(3)[next(n for n, phrases in enumerate(GROUPS.values()) if any(text.endswith(p) for p in phrases))]


def by_phrase(text: str) -> np.ndarray:
    """One direction for each phrase."""
    every = [phrase for phrases in GROUPS.values() for phrase in phrases]
    return np.eye(9)[next(n for n, phrase in enumerate(every) if text.endswith(phrase))]


def noise(*names: str) -> float:
    return float(np.random.default_rng(derive_seed(*names)).normal(0, 0.15))


def test_paraphrases_that_are_one_text_to_the_tower_have_no_spread():
    assert find(with_texts(groups().evidence(), by_group), "embedding_spread").estimate.value == 0.0


def test_paraphrases_as_far_apart_as_unrelated_texts_have_a_spread_of_one():
    evidence = with_texts(groups().evidence(), by_phrase)
    assert find(evidence, "embedding_spread").estimate.value == pytest.approx(1.0)
    assert find(evidence, "embedding_spread", "cook").estimate.value == pytest.approx(1.0)


def test_texts_that_were_not_embedded_are_not_measured():
    assert find(groups().evidence(), "embedding_spread").estimate.value is None


def test_spread_of_readings_is_their_standard_deviation_over_paraphrases():
    reading = dict(zip(WORDINGS, (-0.3, 0.0, 0.3), strict=True))
    evidence = groups(lambda _, wording, __: (leaning(reading[wording]),)).evidence()
    assert find(evidence, "verdict_spread", "cook").estimate.value == pytest.approx(0.3)
    assert find(evidence, "verdict_spread").estimate.value == pytest.approx(0.3)


def test_what_the_sentence_does_is_no_spread_of_paraphrases():
    reading = dict(zip(FRAMES, (-0.4, 0.1, 0.3, 0.8), strict=True))
    evidence = groups(lambda _, __, frame: (leaning(reading[frame]),)).evidence()
    assert find(evidence, "verdict_spread").estimate.value == 0.0


def test_noise_alone_is_told_apart_from_wording():
    still = groups(lambda *names: (leaning(noise(*names)),)).evidence()
    reading = dict(zip(WORDINGS, (-0.6, 0.0, 0.6), strict=True))
    moved = groups(lambda c, wording, f: (leaning(reading[wording] + noise(c, wording, f)),)).evidence()
    assert find(still, "verdict_spread").estimate.low == 0.0
    assert find(moved, "verdict_spread").estimate.low > 0.3
    assert find(still, "variance_share").estimate.value < 0.2
    assert find(moved, "variance_share").estimate.value > 0.8


def test_images_that_could_not_be_read_are_counted_and_are_no_evidence():
    evidence = groups(lambda _, wording, __: (UNREAD,) if wording == "first" else (leaning(0.2),)).evidence()
    found = find(evidence, "verdict_spread", "cook")
    assert (found.estimate.value, found.n_unscored, found.estimate.n_images) == (0.0, 4, 8)


def test_group_of_which_one_paraphrase_alone_was_read_is_not_measured():
    evidence = groups(lambda _, wording, __: (leaning(0.2),) if wording == "first" else (UNREAD,)).evidence()
    assert find(evidence, "verdict_spread", "cook").estimate.value is None


def test_without_a_judge_of_gender_it_is_said_that_none_looked():
    found = find(groups().evidence(judges={}), "verdict_spread")
    assert (found.estimate.value, found.n_unscored, found.note) == (None, 36, "No judge of gender looked.")


def test_templates_are_the_wordings_of_a_suite_about_gender():
    world = World()
    reading = dict(zip(FRAMES, (-0.6, -0.2, 0.3, 0.7), strict=True))
    for concept in ("nurse", "pilot", "baker"):
        for frame in FRAMES:
            scores = [leaning(reading[frame]) for _ in range(2)]
            put(world, concept, f"a {concept}", *scores, frames=[frame], lens="gender")
    evidence = with_texts(
        world.evidence(), lambda text: np.eye(4)[[f.split("{")[0] for f in FRAMES].index(text[: text.rindex("a ")])]
    )
    assert find(evidence, "variance_share").estimate.value == pytest.approx(1.0)
    assert find(evidence, "embedding_spread").estimate.value == pytest.approx(4 / 3)
    assert {f.subject for f in LENS.examine(evidence).findings} == {"*"}


def test_suite_about_gender_with_one_template_is_left_out():
    world = World()
    world.ask("nurse", seen("man"), seen("woman"), lens="gender")
    assert LENS.examine(world.evidence()).findings == ()


def test_tables_hold_the_other_shares_of_the_variance():
    evidence = groups(lambda *names: (leaning(noise(*names)),)).evidence()
    [row] = LENS.examine(evidence).tables["wording_suites"].to_dict("records")
    assert row["variance_share"] + row["concept_share"] + row["seed_share"] == pytest.approx(1.0)
