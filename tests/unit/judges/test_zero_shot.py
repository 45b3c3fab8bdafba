"""The zero-shot judge on an encoder whose cosines are known."""

import math
from dataclasses import replace

import pytest
import torch

from audit.errors import RefusedProblem, UsageProblem
from audit.judges import zero_shot
from audit.judges.judge_protocol import JudgeSettings
from audit.judges.zero_shot import load_zero_shot, make_zero_shot


def plain(red: int, green: int, blue: int) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8)[:, None, None].expand(3, 10, 12).clone()


def values(judge, *images):
    return [score.values for score in judge.score(torch.stack(images))]


def blank(judge, count):
    return values(judge, *[plain(0, 0, 0)] * count)


def unit(*axes):
    return [float(axis in axes) for axis in range(9)]


ORTHOGONAL = {
    "woman": [unit(0)],
    "man": [unit(1)],
    "mixed": [unit(2)],
    "no_person": [unit(3), unit(4), unit(5), unit(6)],
    "unclothed": [unit(7)],
    "clothed": [unit(8)],
}
"""Phrases of which none has anything in common with another."""


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


def test_an_image_that_is_man_itself_has_the_margin_one_and_one_that_is_woman_minus_one(hand_judge):
    judge = hand_judge([unit(1), unit(0), unit(0, 1), unit(8)], **ORTHOGONAL)
    found = blank(judge, 4)
    assert [row["margin"] for row in found] == pytest.approx([1, -1, 0, 0], abs=1e-6)
    half = 1 / math.sqrt(2)
    assert [row["signed"] for row in found] == pytest.approx([half, -half, 0, 0], abs=1e-6)


def test_the_margin_is_measured_between_the_mean_phrases_of_woman_and_man(hand_judge):
    two = ORTHOGONAL | {"man": [unit(1), unit(2)], "mixed": [unit(5)]}
    mean, one = blank(hand_judge([unit(1, 2), unit(1)], **two), 2)
    assert mean["margin"] == pytest.approx(1, abs=1e-6)
    assert one["margin"] == pytest.approx(1 / math.sqrt(2), abs=1e-6)
    assert one["signed"] == pytest.approx(1 / math.sqrt(3), abs=1e-6)


def test_the_margin_of_man_itself_is_one_however_near_woman_is(hand_judge):
    near = ORTHOGONAL | {"woman": [unit(0, 8)], "man": [unit(1, 8)]}
    man, woman, away = blank(hand_judge([unit(1, 8), unit(0, 8), unit(1)], **near), 3)
    assert (man["margin"], woman["margin"]) == pytest.approx((1, -1), abs=1e-6)
    assert away["margin"] == pytest.approx(math.sqrt(2), abs=1e-6)  # (1 / sqrt 2) / (1 - 1 / 2)


def test_the_signed_score_keeps_the_order_of_large_margins_inside_its_bounds(hand_judge):
    tilt = 0.01 / math.sqrt(1 - 0.01**2)
    woman, man = ([1.0, side * tilt, *[0.0] * 7] for side in (-1, 1))
    images = [unit(1, 8), unit(1), [0.0, -1.0, *[0.0] * 7]]
    found = blank(hand_judge(images, scale=100.0, **ORTHOGONAL | {"woman": [woman], "man": [man]}), 3)
    margins = [row["margin"] for row in found]
    assert margins == pytest.approx([100 / math.sqrt(2), 100, -100], rel=1e-3)
    assert found[1]["signed"] == pytest.approx(100 / math.sqrt(10001), abs=1e-6)
    assert -1 < found[2]["signed"] < 0.999 < found[0]["signed"] < found[1]["signed"] < 1


def test_the_signed_score_still_orders_images_where_the_softmax_is_saturated(hand_judge):
    lean = [[0.2, 0.9, *[0.0] * 7], unit(1)]
    weak, strong = blank(hand_judge(lean, scale=100.0, **ORTHOGONAL), 2)
    assert weak["man"] == pytest.approx(strong["man"], abs=1e-9)
    assert weak["signed"] < strong["signed"] - 0.05


def test_swapping_the_phrases_of_woman_and_man_flips_the_sign_and_nothing_else(axis_encoder):
    judge = make_zero_shot(axis_encoder(scale=7.0), name="j")
    swapped = replace(judge, rows=tuple({0: 1, 1: 0}.get(row, row) for row in judge.rows))
    (before,), (after,) = (values(one, plain(200, 30, 90)) for one in (judge, swapped))
    assert abs(before["margin"]) > 0.1
    assert after["margin"] == pytest.approx(-before["margin"], abs=1e-9)
    assert after["signed"] == pytest.approx(-before["signed"], abs=1e-9)
    assert (after["woman"], after["man"]) == pytest.approx((before["man"], before["woman"]), abs=1e-9)
    kept = ("mixed", "no_person", "unsafe", "cos_mixed", "cos_no_person", "cos_unclothed", "cos_clothed")
    assert [after[name] for name in kept] == pytest.approx([before[name] for name in kept], abs=1e-9)


def test_one_phrase_that_matches_is_enough_for_a_class_of_many_things(hand_judge):
    # The mean of the four things has the cosine 0.8 / 2 = 0.4 with this image, less than woman with 0.6.
    image = [0.6, 0.0, 0.0, 0.8, *[0.0] * 5]
    (row,) = blank(hand_judge([image], scale=100.0, **ORTHOGONAL), 1)
    assert row["cos_woman"] == pytest.approx(0.6, abs=1e-6)
    assert row["cos_no_person"] == pytest.approx(0.8 - math.log(4) / 100, abs=1e-6)
    assert row["no_person"] > 0.999


def test_the_cosine_of_a_class_is_the_logarithm_of_the_mean_of_the_exponentials(hand_judge):
    (row,) = blank(hand_judge([unit(3)], scale=2.0, **ORTHOGONAL), 1)
    assert row["cos_no_person"] == pytest.approx(math.log((math.exp(2) + 3) / 4) / 2, abs=1e-6)
    assert row["no_person"] == pytest.approx((math.exp(2) + 3) / 4 / ((math.exp(2) + 3) / 4 + 3), abs=1e-6)
    assert row["unsafe"] == pytest.approx(1 / ((math.exp(2) + 3) / 4 + 2), abs=1e-6)


def test_saying_a_phrase_twice_changes_no_class(hand_judge):
    said = ORTHOGONAL | {name: lines * 3 for name, lines in ORTHOGONAL.items() if name != "man"}
    image = [[0.3, 0.5, 0.1, 0.4, 0.2, 0.0, 0.1, 0.6, 0.2]]
    (once,), (thrice,) = (blank(hand_judge(image, **phrases), 1) for phrases in (ORTHOGONAL, said))
    assert thrice == pytest.approx(once, abs=1e-6)


def test_a_phrase_is_the_mean_of_its_templates_and_is_not_mixed_with_other_phrases(axis_encoder, closed_vocabulary):
    encoder = axis_encoder(vocabulary=closed_vocabulary - {"picture", "image", "portrait", "drawing", "good", "dark"})
    read = encoder.encode_text
    photo = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    encoder.encode_text = lambda texts: torch.stack([photo if "photo" in text else read([text])[0] for text in texts])
    judge = make_zero_shot(encoder, name="j")
    place = judge.rows.index(1)
    expected = read(["a man"])[0] + photo
    torch.testing.assert_close(judge.phrases[place], expected / expected.norm())
    assert len(judge.phrases) == len(judge.rows)
    assert judge.rows.count(0) == judge.rows.count(1) == 4  # a, a clothed, an unclothed, two


def test_an_absurd_logit_scale_is_brought_back_to_one_hundred(axis_encoder):
    assert make_zero_shot(axis_encoder(scale=1e6), name="j").scale == 100.0
    assert make_zero_shot(axis_encoder(scale=1e-6), name="j").scale == 1.0


def test_phrases_with_unknown_words_are_dropped_together_with_their_counterparts(axis_encoder, closed_vocabulary):
    without_men = axis_encoder(vocabulary=closed_vocabulary - {"men"})
    found = {name: [line for lines in said for line in lines] for name, said in _said(without_men).items()}
    assert not any("two women" in sentence for sentence in found["woman"])
    assert len(_said(without_men)["woman"]) == len(_said(without_men)["man"]) == 3
    assert all("tree" not in sentence for sentence in found["no_person"])


def test_templates_with_unknown_words_are_left_out_of_every_phrase_and_no_phrase_is_lost(
    axis_encoder, closed_vocabulary
):
    full, fewer = (_said(axis_encoder(vocabulary=words)) for words in (closed_vocabulary, closed_vocabulary - {"dark"}))
    assert {name: len(said) for name, said in fewer.items()} == {name: len(said) for name, said in full.items()}
    assert {len(lines) for said in full.values() for lines in said} == {8}
    assert {len(lines) for said in fewer.values() for lines in said} == {7}


def test_the_clothing_phrases_name_women_and_men_alike_and_nobody_else(axis_encoder):
    encoder = axis_encoder()
    encoder.unknown_words = lambda _text: ()
    for name in ("unclothed", "clothed"):
        phrases = {lines[0] for lines in _said(encoder)[name]}
        women = {phrase for phrase in phrases if "woman" in phrase.split()}
        men = {phrase for phrase in phrases if "man" in phrase.split()}
        assert women | men == phrases
        assert {phrase.replace("woman", "man") for phrase in women} == men


def _said(encoder):
    return zero_shot._sentences(encoder, "j")


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
