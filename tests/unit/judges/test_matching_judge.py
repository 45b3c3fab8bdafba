"""The judge of concepts on an encoder whose cosines are known."""

import dataclasses
import math

import pytest
import torch

from audit.errors import RefusedProblem, UsageProblem
from audit.evidence import ConceptTexts
from audit.judges import load_judge
from audit.judges.judge_protocol import JudgeSettings
from audit.judges.matching import load_matching, make_matching

MAN = ConceptTexts(suite="people", concept="man", texts=("a man", "a photo of a man"))
WOMAN = ConceptTexts(suite="people", concept="woman", texts=("a woman",))
BOTH = ConceptTexts(suite="people", concept="both", texts=("a man", "a woman"))
ALONG = 1 / math.sqrt(1 + 0.3**2)  # of a text with one axis and the part that all texts share


def plain(red: int, green: int, blue: int) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8)[:, None, None].expand(3, 10, 12).clone()


def test_every_concept_has_its_cosine(axis_encoder):
    judge = make_matching(axis_encoder(), [MAN, WOMAN], name="matching:axes")
    [score] = judge.score(plain(255, 0, 0)[None])
    assert score.values == pytest.approx({"people|man": ALONG, "people|woman": 0.0}, abs=1e-5)


def test_a_concept_is_the_mean_of_its_texts(axis_encoder):
    judge = make_matching(axis_encoder(), [MAN, BOTH], name="matching:axes")
    [score] = judge.score(plain(255, 0, 0)[None])
    halves = torch.tensor([1.0, 1.0, 0.6]) / torch.tensor([1.0, 1.0, 0.6]).norm()
    assert score.values["people|both"] == pytest.approx(float(halves[0]), abs=1e-5)


def test_an_image_is_read_with_its_fine_detail(axis_encoder):
    judge = make_matching(axis_encoder(), [MAN, WOMAN], name="matching:axes")
    board = (255 * ((torch.arange(64)[:, None] + torch.arange(64)[None, :]) % 2))[None].expand(3, 64, 64)
    seen = []
    judge.encoder.encode_image = lambda pixels: seen.append(float(pixels.std())) or torch.ones(len(pixels), 6)
    judge.score(board.to(torch.uint8)[None])
    assert seen == [pytest.approx(0.5, abs=0.01)]


def test_texts_and_concepts_with_unknown_words_are_passed_over(axis_encoder):
    strange = ConceptTexts(suite="people", concept="wizard", texts=("a wizard",))
    half = dataclasses.replace(MAN, texts=("a man", "a splendid man"))
    judge = make_matching(axis_encoder(), [half, WOMAN, strange], name="matching:axes")
    assert judge.card.classes == ("people|man", "people|woman")
    assert (
        judge.card.digest
        == make_matching(
            axis_encoder(), [dataclasses.replace(MAN, texts=("a man",)), WOMAN], name="matching:axes"
        ).card.digest
    )


def test_the_card_says_what_it_stands_on_and_changes_with_the_concepts(axis_encoder):
    encoder = axis_encoder(lineage=("axes",))
    one, other = (make_matching(encoder, concepts, name="m").card for concepts in ([MAN, WOMAN], [WOMAN, BOTH]))
    assert one.asks == ("concepts",)
    assert one.lineage == (encoder.card.digest, "axes")
    assert one.digest != other.digest


def test_two_concepts_of_two_suites_are_not_told_apart_and_refused(axis_encoder):
    alone = dataclasses.replace(WOMAN, suite="others")
    with pytest.raises(RefusedProblem, match="no two of one suite"):
        make_matching(axis_encoder(), [MAN, alone], name="matching:axes")


def test_an_encoder_that_is_not_finite_is_refused(axis_encoder):
    encoder = axis_encoder()
    encoder.encode_text = lambda texts: torch.full((len(texts), 6), torch.nan)
    with pytest.raises(RefusedProblem, match="not finite"):
        make_matching(encoder, [MAN, WOMAN], name="matching:axes")


def test_without_a_checkpoint_or_without_concepts_there_is_no_judge():
    with pytest.raises(UsageProblem, match="needs a checkpoint"):
        load_matching("", JudgeSettings(concepts=(MAN, WOMAN)))
    with pytest.raises(UsageProblem, match="nothing to tell apart"):
        load_judge("matching:phantom:judge")
