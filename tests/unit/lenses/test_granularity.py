import pytest
from phrase_worlds import put, with_labels, with_texts
from worlds import World, seen

from audit.lenses import LENSES
from audit.records import Finding, Question

LENS = LENSES["granularity"]
FAMILIES = {"dogs": ("beagle", "poodle", "husky"), "trees": ("oak", "elm", "yew")}
QUESTIONS = tuple(
    Question(suite="suite", name=family, answers={kind: f"a {kind}" for kind in kinds})
    for family, kinds in FAMILIES.items()
)
LOOK = seen("no_person")
PLACES = {kind: place for place, kind in enumerate(kind for kinds in FAMILIES.values() for kind in kinds)}
SENTENCES = {"photo": 6, "drawing": 7, "image": 8, "picture": 9}


def kinds(*scores) -> World:
    world = World()
    for family, members in FAMILIES.items():
        for kind in members:
            facts = {family: kind}
            put(world, kind, f"a {kind}", *(scores or (LOOK,)), lens="granularity", group=family, facts=facts)
    return world


def embedding(*, kind: float, sentence: float):
    """Return an embedding in which the class weighs as much, and the sentence as much."""

    def embed(text: str) -> list[float]:
        row = [0.0] * 10
        words = text.split()
        row[PLACES[words[-1]]] = kind
        row[SENTENCES[words[1]]] = sentence
        return row

    return embed


def find(evidence, metric: str, subject: str = "*") -> Finding:
    [found] = [
        f for f in LENS.examine(evidence).findings if f.metric == f"granularity.{metric}" and f.subject == subject
    ]
    return found


def nearest(text: str, column: str) -> float:
    return 0.3 if text.endswith(column.split("|")[2]) else 0.2


@pytest.mark.parametrize(("kind", "sentence", "separation"), [(2.0, 1.0, 1.0), (1.0, 1.0, 0.5), (1.0, 2.0, 0.0)])
def test_classes_are_told_apart_where_the_class_moves_a_text_more_than_the_sentence(kind, sentence, separation):
    evidence = with_texts(kinds().evidence(), embedding(kind=kind, sentence=sentence))
    assert find(evidence, "text_separation").estimate.value == separation
    assert find(evidence, "text_separation", "beagle").estimate.value == separation
    assert find(evidence, "text_separation", "group:trees").estimate.value == separation


def test_contrast_is_the_distance_within_the_family_as_a_part_of_that_between_families():
    nearer = {"beagle": [1, 0, 0], "poodle": [0.8, 0.6, 0], "oak": [0, 0, 1], "elm": [0, 0, 1]}
    world = World()
    for family, members in (("dogs", ("beagle", "poodle")), ("trees", ("oak", "elm"))):
        for kind in members:
            put(world, kind, f"a {kind}", LOOK, lens="granularity", group=family)
    evidence = with_texts(world.evidence(), lambda text: nearer[text.split()[-1]])
    assert find(evidence, "text_contrast", "group:dogs").estimate.value == pytest.approx(0.2, abs=1e-6)
    assert find(evidence, "text_contrast", "group:trees").estimate.value == 0.0
    assert find(evidence, "text_contrast").estimate.value == pytest.approx(0.1, abs=1e-6)


def test_one_family_alone_has_no_contrast():
    world = World()
    for kind in ("beagle", "poodle"):
        put(world, kind, f"a {kind}", LOOK, lens="granularity", group="dogs")
    evidence = with_texts(world.evidence(), embedding(kind=2.0, sentence=1.0))
    assert find(evidence, "text_contrast").estimate.value is None
    assert find(evidence, "text_separation").estimate.value == 1.0


def test_similarities_are_to_other_classes_in_these_words_and_to_this_class_in_other_words():
    evidence = with_texts(kinds().evidence(), embedding(kind=2.0, sentence=1.0))
    assert find(evidence, "class_similarity", "oak").estimate.value == pytest.approx(0.2, abs=1e-6)
    assert find(evidence, "wording_similarity", "oak").estimate.value == pytest.approx(0.8, abs=1e-6)


def test_classes_of_other_families_do_not_count():
    world = World()
    for family, kind in (("dogs", "beagle"), ("trees", "oak")):
        put(world, kind, f"a {kind}", LOOK, lens="granularity", group=family)
    evidence = with_texts(world.evidence(), embedding(kind=2.0, sentence=1.0))
    assert find(evidence, "text_separation").estimate.value is None


def test_the_interval_of_a_suite_comes_from_its_families():
    evidence = with_texts(kinds().evidence(), embedding(kind=2.0, sentence=1.0))
    assert find(evidence, "text_separation").estimate.method_text.endswith("over families, which all agree")


def test_judge_that_finds_every_class_scores_one():
    found = find(with_labels(kinds().evidence(), QUESTIONS, nearest), "image_accuracy")
    assert (found.estimate.value, found.estimate.n_images) == (1.0, 24)


def test_judge_that_cannot_tell_scores_one_half():
    found = find(with_labels(kinds().evidence(), QUESTIONS, lambda *_: 0.2), "image_accuracy", "group:dogs")
    assert found.estimate.value == 0.5


def test_judge_that_always_says_one_class_scores_one_half_over_the_family():
    evidence = with_labels(
        kinds().evidence(),
        QUESTIONS,
        lambda _, column: {"beagle": 3, "oak": 3, "poodle": 2, "elm": 2}.get(column.split("|")[2], 1),
    )
    assert find(evidence, "image_accuracy", "beagle").estimate.value == 1.0
    assert find(evidence, "image_accuracy", "husky").estimate.value == 0.0
    assert find(evidence, "image_accuracy", "group:dogs").estimate.value == 0.5


def test_family_that_no_judge_is_asked_about_is_read_as_text_alone():
    world = kinds()
    for kind in ("beagle", "poodle"):
        put(world, f"twin {kind}", f"b {kind}", LOOK, lens="granularity", group="twins")
    evidence = with_labels(world.evidence(), QUESTIONS, nearest)
    metrics = {f.metric for f in LENS.examine(evidence).findings if f.subject == "group:twins"}
    assert "granularity.text_separation" in metrics
    assert "granularity.image_accuracy" not in metrics


def test_without_a_judge_of_labels_it_is_said_that_none_looked():
    found = find(kinds().evidence(), "image_accuracy")
    assert (found.estimate.value, found.n_unscored, found.note) == (None, 24, "No judge of labels looked.")


def test_tables_have_a_row_for_each_class_family_and_suite():
    tables = LENS.examine(with_texts(kinds().evidence(), embedding(kind=2.0, sentence=1.0))).tables
    assert tables["granularity_classes"]["family"].tolist() == ["dogs", "trees", "dogs", "trees", "dogs", "trees"]
    assert tables["granularity_families"]["family"].tolist() == ["dogs", "trees"]
    assert tables["granularity_suites"]["families"].tolist() == [2]
