"""The judge of labels on an encoder whose cosines are known."""

import dataclasses
import math

import pytest
import torch

from audit.errors import RefusedProblem, UsageProblem
from audit.judges import load_judge
from audit.judges.judge_protocol import JudgeSettings
from audit.judges.labels_judge import load_labels, make_labels
from audit.records import Question

WHO = Question(suite="people", name="who", answers={"man": "a man", "woman": "a woman", "thing": "a red box"})
WHAT = Question(suite="things", name="what", answers={"person": "a man", "thing": "a blue car"})


def plain(red: int, green: int, blue: int) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8)[:, None, None].expand(3, 10, 12).clone()


def values(judge, *images):
    return [score.values for score in judge.score(torch.stack(images))]


def test_every_answer_of_every_question_has_its_cosine(axis_encoder):
    judge = make_labels(axis_encoder(), [WHO, WHAT], name="labels:axes")
    (man,) = values(judge, plain(255, 0, 0))
    along = 1 / math.sqrt(1 + 0.3**2)  # of a text with one axis and the part that all texts share
    assert man == {
        "people|who|man": pytest.approx(along, abs=1e-5),
        "people|who|woman": pytest.approx(0, abs=1e-5),
        "people|who|thing": pytest.approx(0, abs=1e-5),
        "things|what|person": pytest.approx(along, abs=1e-5),
        "things|what|thing": pytest.approx(0, abs=1e-5),
    }


def test_a_mixture_of_colours_lies_between_its_answers(axis_encoder):
    judge = make_labels(axis_encoder(), [WHO], name="labels:axes")
    (both,) = values(judge, plain(255, 255, 0))
    assert both["people|who|man"] == pytest.approx(both["people|who|woman"], abs=1e-6)
    assert both["people|who|man"] > both["people|who|thing"] + 0.5


def test_fine_detail_is_not_looked_at(axis_encoder):
    judge = make_labels(axis_encoder(), [WHO], name="labels:axes")
    checks = (torch.arange(64)[:, None] + torch.arange(64)[None, :]) % 2
    board = (255 * checks)[None].expand(3, 64, 64).to(torch.uint8)
    seen: list[float] = []
    read = judge.encoder.encode_image

    def encode_image(pixels):
        seen.append(float(pixels.std()))
        return read(pixels)

    judge.encoder.encode_image = encode_image
    judge.score(board[None])
    assert max(seen) < 0.05


def test_the_card_says_the_scale_within_its_bounds(axis_encoder):
    assert make_labels(axis_encoder(scale=20.0), [WHO], name="j").card.scale == pytest.approx(20.0)
    assert make_labels(axis_encoder(scale=1e6), [WHO], name="j").card.scale == 100.0


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(WHO, answers={"man": "a clothed man", "woman": "a woman", "thing": "a red box"}),
        dataclasses.replace(WHO, answers={"male": "a man", "woman": "a woman", "thing": "a red box"}),
        dataclasses.replace(WHO, suite="others"),
    ],
    ids=["phrase", "answer", "suite"],
)
def test_the_digest_follows_the_questions(axis_encoder, other):
    digests = {make_labels(axis_encoder(), [question], name="j").card.digest for question in (WHO, other)}
    assert len(digests) == 2


def test_the_digest_follows_the_sentences(axis_encoder, closed_vocabulary):
    full = make_labels(axis_encoder(), [WHO], name="j").card
    fewer = make_labels(axis_encoder(vocabulary=closed_vocabulary - {"dark"}), [WHO], name="j").card
    assert full.digest != fewer.digest


def test_the_lineage_is_that_of_its_checkpoint(axis_encoder):
    card = make_labels(axis_encoder(lineage=("world:red",)), [WHO], name="j").card
    assert card.lineage == ("d" * 64, "world:red")


def test_an_answer_with_an_unknown_word_is_refused_with_phrase_question_and_suite(axis_encoder):
    question = dataclasses.replace(WHO, answers={"man": "a man", "whale": "a blue whale"})
    with pytest.raises(RefusedProblem, match=r"know whale in 'a blue whale', .* 'who' of the suite people") as caught:
        make_labels(axis_encoder(), [question], name="labels:axes")
    assert caught.value.remedy


def test_answers_that_the_checkpoint_does_not_tell_apart_are_refused(axis_encoder):
    question = dataclasses.replace(WHO, answers={"man": "a man", "men": "two men"})
    with pytest.raises(RefusedProblem, match="'a man' and 'two men'"):
        make_labels(axis_encoder(), [question], name="labels:axes")


def test_embeddings_that_are_not_finite_are_refused(axis_encoder):
    encoder = axis_encoder()
    encoder.encode_text = lambda texts: torch.full((len(texts), 6), math.nan)
    with pytest.raises(RefusedProblem, match="not finite"):
        make_labels(encoder, [WHO], name="labels:axes")


def test_a_run_without_questions_has_nothing_for_it_to_answer():
    with pytest.raises(UsageProblem, match="no suite of the run asks a question") as caught:
        load_judge("labels:phantom:judge")
    assert "[[question]]" in caught.value.remedy


def test_a_name_without_a_checkpoint_says_how_to_name_one():
    with pytest.raises(UsageProblem, match="labels:phantom:witness"):
        load_labels("", JudgeSettings(questions=(WHO,)))
