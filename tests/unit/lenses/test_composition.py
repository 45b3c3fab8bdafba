import numpy as np
import pytest
from phrase_worlds import bag_of_words, ordered_words, put, put_pair, with_labels, with_texts
from worlds import UNREAD, World, seen

from audit.lenses import LENSES
from audit.lenses.composition import SHUFFLES, shuffles
from audit.records import Finding, Question, Status

LENS = LENSES["composition"]
PAIRS = {
    "dog cat": ("a dog chasing a cat", "a cat chasing a dog"),
    "cup box": ("a red cup in a box", "a box in a red cup"),
    "man horse": ("a man pulling a horse", "a horse pulling a man"),
}
QUESTIONS = tuple(
    Question(suite="suite", name=name, answers={"original": one, "swapped": two}) for name, (one, two) in PAIRS.items()
)
LOOK = seen("no_person")


def pairs(*scores) -> World:
    world = World()
    for name, (one, two) in PAIRS.items():
        put_pair(world, name, one, two, *(scores or (LOOK,)))
    return world


def read(world: World, embed):
    evidence = world.evidence()
    return with_texts(evidence, embed, more=LENS.wants(evidence.prompts))


def find(evidence, metric: str, subject: str = "*") -> Finding:
    [found] = [
        f for f in LENS.examine(evidence).findings if f.metric == f"composition.{metric}" and f.subject == subject
    ]
    return found


def own(text: str, column: str) -> float:
    """Fits the caption that the text holds."""
    phrase = dict(zip(("original", "swapped"), PAIRS[column.split("|")[1]], strict=True))[column.split("|")[2]]
    return 0.3 if phrase in text else 0.2


def test_bag_of_words_is_blind_to_swaps_and_shuffles():
    evidence = read(pairs(), bag_of_words)
    assert find(evidence, "swap_similarity").estimate.value == 1.0
    assert find(evidence, "swap_sensitivity").estimate.value == 0.0
    assert find(evidence, "order_sensitivity").estimate.value == 0.0


def test_order_that_is_read_is_seen_in_swaps_and_shuffles():
    evidence = read(pairs(), ordered_words)
    assert find(evidence, "swap_similarity").estimate.high < 0.99
    assert find(evidence, "swap_sensitivity").estimate.low > 0.02
    assert find(evidence, "order_sensitivity").estimate.low > 0.1


def test_sensitivity_to_a_swap_is_its_distance_as_a_part_of_that_of_unrelated_texts():
    world = World()
    put_pair(world, "one", "a b", "b a", LOOK, frames=["{}"])
    put_pair(world, "two", "c d", "d c", LOOK, frames=["{}"])
    where = {"a b": [1, 0, 0], "b a": [0.8, 0.6, 0], "c d": [0.5, 0, 0.75**0.5], "d c": [0, 0, 1]}
    evidence = with_texts(world.evidence(), where.__getitem__)
    # from "a b" to "c d" 0.5, from "b a" to "d c" 1; the swap 0.2
    assert find(evidence, "swap_sensitivity", "one").estimate.value == pytest.approx(0.2 / 0.75, abs=1e-6)
    assert find(evidence, "unrelated_similarity", "one").estimate.value == pytest.approx(0.25, abs=1e-6)
    assert find(evidence, "swap_similarity", "one").estimate.value == pytest.approx(0.8, abs=1e-6)


def test_a_text_tower_that_says_one_thing_to_all_has_no_sensitivity():
    found = find(read(pairs(), lambda _: [1.0, 0.0]), "order_sensitivity")
    assert (found.estimate.value, found.estimate.method_text) == (None, "nothing measured")


def test_texts_that_were_not_embedded_are_not_measured():
    assert find(pairs().evidence(), "swap_similarity").estimate.value is None


def test_judge_that_finds_every_own_caption_scores_one():
    found = find(with_labels(pairs().evidence(), QUESTIONS, own), "caption_accuracy")
    assert (found.estimate.value, found.estimate.n_images, found.estimate.n_prompts) == (1.0, 24, 24)


def test_liking_for_one_caption_whatever_the_image_leaves_one_half():
    liked = with_labels(pairs().evidence(), QUESTIONS, lambda _, column: float(column.endswith("original")))
    assert find(liked, "caption_accuracy").estimate.value == 0.5
    assert find(liked, "caption_accuracy", "dog cat").estimate.value == 0.5


def test_tie_is_half_a_pick():
    found = find(with_labels(pairs().evidence(), QUESTIONS, lambda *_: 0.25), "caption_accuracy")
    assert (found.estimate.value, found.p_value) == (0.5, 1.0)


def test_sentence_of_which_one_arm_could_not_be_read_is_left_out():
    world = pairs()
    put(
        world,
        "lost",
        "a lost text",
        LOOK,
        lens="composition",
        group="original",
        facts={"dog cat": "original"},
    )
    found = find(with_labels(world.evidence(), QUESTIONS, own), "caption_accuracy", "lost")
    assert found.estimate.value is None


def test_images_that_did_not_converge_are_counted_and_are_no_evidence():
    world = pairs()
    put_pair(world, "late", *PAIRS["dog cat"], LOOK, status=Status.STALLED)
    questions = (*QUESTIONS, Question(suite="suite", name="late", answers=QUESTIONS[0].answers))
    evidence = with_labels(world.evidence(), questions, lambda *_: 0.1)
    assert find(evidence, "caption_accuracy").n_unscored == 8
    assert find(evidence, "caption_accuracy", "late").estimate.value is None


def test_without_a_judge_of_labels_it_is_said_that_none_looked():
    found = find(pairs(UNREAD).evidence(), "caption_accuracy")
    assert (found.estimate.value, found.n_unscored, found.note) == (None, 24, "No judge of labels looked.")


def test_p_values_of_pairs_are_corrected_together():
    findings = LENS.examine(with_labels(pairs().evidence(), QUESTIONS, own)).findings
    tested = [f for f in findings if f.metric == "composition.caption_accuracy" and f.subject != "*"]
    assert len(tested) == 3
    assert all(f.p_adjusted >= f.p_value for f in tested)


def test_suites_of_other_lenses_are_not_read():
    world = World()
    world.ask("nurse", seen("man"))
    assert LENS.examine(world.evidence()).findings == ()


def test_shuffles_hold_the_same_words_in_another_order_and_are_the_same_every_time():
    text = "a photo of a dog chasing a cat"
    found = shuffles(text)
    assert found == shuffles(text)
    assert len(set(found)) == SHUFFLES
    assert all(sorted(shuffle.split()) == sorted(text.split()) and shuffle != text for shuffle in found)


def test_shuffles_of_every_text_and_of_no_other_are_wanted():
    world = pairs()
    world.ask("nurse", seen("man"))
    texts = [text for text in world.evidence().prompts["text"] if "nurse" not in text]
    assert set(LENS.wants(world.evidence().prompts)) == {one for text in texts for one in shuffles(text)}


def test_table_has_a_row_for_each_pair_and_each_suite():
    tables = LENS.examine(read(pairs(), ordered_words)).tables
    assert tables["composition_pairs"]["concept"].tolist() == sorted(PAIRS)
    assert tables["composition_pairs"]["n_templates"].tolist() == [4, 4, 4]
    assert np.isfinite(tables["composition_suites"]["order_sensitivity_low"]).all()
