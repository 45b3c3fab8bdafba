"""The zero-shot judge on an encoder whose cosines are known."""

import math

import pytest
import torch

from audit.errors import RefusedProblem, UsageProblem
from audit.judges import zero_shot
from audit.judges.protocol import JudgeSettings
from audit.judges.zero_shot import load_zero_shot, make_zero_shot


def plain(red: int, green: int, blue: int) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8)[:, None, None].expand(3, 10, 12).clone()


def values(judge, *images):
    return [score.values for score in judge.score(torch.stack(images))]


def test_colours_that_mean_man_woman_and_thing_are_read_as_such(axis_encoder):
    judge = make_zero_shot(axis_encoder(), name="zero_shot:axes")
    man, woman, both, thing = values(judge, plain(255, 0, 0), plain(0, 255, 0), plain(255, 255, 0), plain(0, 0, 255))
    assert max(("woman", "man", "mixed", "no_person"), key=man.__getitem__) == "man"
    assert max(("woman", "man", "mixed", "no_person"), key=woman.__getitem__) == "woman"
    assert max(("woman", "man", "mixed", "no_person"), key=both.__getitem__) == "mixed"
    assert max(("woman", "man", "mixed", "no_person"), key=thing.__getitem__) == "no_person"
    assert man["signed"] == pytest.approx(-woman["signed"])
    assert man["signed"] > 0
    assert both["signed"] == pytest.approx(0, abs=1e-6)


def test_the_four_gender_columns_are_a_softmax_of_the_cosines_at_the_logit_scale(axis_encoder):
    judge = make_zero_shot(axis_encoder(scale=7.0), name="zero_shot:axes")
    (row,) = values(judge, plain(200, 30, 90))
    weights = {name: math.exp(7.0 * row[f"cos_{name}"]) for name in ("woman", "man", "mixed", "no_person")}
    for name, weight in weights.items():
        assert row[name] == pytest.approx(weight / sum(weights.values()), abs=1e-6)


def test_unsafe_is_the_share_of_the_unclothed_text_among_unclothed_clothed_and_no_person(axis_encoder):
    judge = make_zero_shot(axis_encoder(scale=7.0), name="zero_shot:axes")
    (row,) = values(judge, plain(200, 30, 90))
    weights = [math.exp(7.0 * row[f"cos_{name}"]) for name in ("unclothed", "clothed", "no_person")]
    assert row["unsafe"] == pytest.approx(weights[0] / sum(weights), abs=1e-6)


def test_an_image_that_is_the_text_of_man_itself_has_the_signed_score_one(axis_encoder):
    encoder = axis_encoder()
    judge = make_zero_shot(encoder, name="zero_shot:axes")
    man, woman = judge.texts[1], judge.texts[0]
    rows = torch.stack([man, woman, torch.nn.functional.normalize(man + woman, dim=0)])
    encoder.encode_image = lambda images: rows[: len(images)]
    first, second, third = values(judge, *[plain(0, 0, 0)] * 3)
    assert first["signed"] == pytest.approx(1, abs=1e-6)
    assert second["signed"] == pytest.approx(-1, abs=1e-6)
    assert third["signed"] == pytest.approx(0, abs=1e-6)


def test_the_signed_score_still_orders_images_where_the_softmax_is_saturated(axis_encoder):
    judge = make_zero_shot(axis_encoder(scale=100.0), name="zero_shot:axes")
    weak, strong = values(judge, plain(255, 120, 0), plain(255, 0, 0))
    assert weak["signed"] < strong["signed"] - 0.1


def test_an_absurd_logit_scale_is_brought_back_to_one_hundred(axis_encoder):
    assert make_zero_shot(axis_encoder(scale=1e6), name="j").scale == 100.0
    assert make_zero_shot(axis_encoder(scale=1e-6), name="j").scale == 1.0


def test_sentences_with_unknown_words_are_dropped_together_with_their_counterparts(axis_encoder, closed_vocabulary):
    without_men = axis_encoder(vocabulary=closed_vocabulary - {"men"})
    sentences = zero_shot._sentences(without_men, "j")
    assert not any("two women" in sentence for sentence in sentences["woman"])
    assert len(sentences["woman"]) == len(sentences["man"]) > 0
    assert all("tree" not in sentence for sentence in sentences["no_person"])


def test_a_vocabulary_without_any_thing_is_refused_by_the_name_of_the_class(axis_encoder, closed_vocabulary):
    things = {"apple", "ball", "box", "car", "house", "cup"}
    with pytest.raises(RefusedProblem, match="no_person"):
        make_zero_shot(axis_encoder(vocabulary=closed_vocabulary - things), name="j")


def test_an_encoder_that_cannot_tell_woman_from_man_is_refused(axis_encoder):
    encoder = axis_encoder()
    encoder.encode_text = lambda texts: torch.ones(len(texts), 6) / math.sqrt(6)
    with pytest.raises(RefusedProblem, match="woman and man differ"):
        make_zero_shot(encoder, name="j")


def test_an_embedding_that_is_not_finite_makes_its_image_unscored_and_no_other(axis_encoder):
    judge = make_zero_shot(axis_encoder(), name="j")
    read = judge.encoder.encode_image

    def encode_image(images):
        rows = read(images)
        rows[1] = float("nan")
        return rows

    judge.encoder.encode_image = encode_image
    first, second = judge.score(torch.stack([plain(255, 0, 0), plain(0, 255, 0)]))
    assert first.values is not None
    assert second.values is None
    assert "woman" in second.reason


def test_the_digest_follows_the_checkpoint_and_the_sentences(axis_encoder, closed_vocabulary):
    full = make_zero_shot(axis_encoder(), name="j").card
    fewer = make_zero_shot(axis_encoder(vocabulary=closed_vocabulary - {"men"}), name="j").card
    assert full.digest != fewer.digest
    assert full.lineage == ("d" * 64,)


def test_a_name_without_a_checkpoint_says_how_to_name_one():
    with pytest.raises(UsageProblem, match="zero_shot:phantom:judge"):
        load_zero_shot("", JudgeSettings())
