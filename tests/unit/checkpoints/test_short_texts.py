"""Short texts are embedded without their padding where, and only where, that gives the same embeddings."""

import pytest
import torch
from checkpoint_tiny import bpe_model_cfg, seeded_model
from torch.nn import functional

from audit.checkpoints import load_checkpoint, short_texts
from audit.checkpoints.short_texts import encode_short, lengths

CONTEXT = 16
FIRST, LAST = 49406, 49407


def ids_of(*words: int, pad: int = 0) -> torch.Tensor:
    """Return rows of a text of so many words each, between the marks that open_clip's tokenizer sets."""
    rows = torch.full((len(words), CONTEXT), pad)
    for row, count in zip(rows, words, strict=True):
        row[0], row[count + 1] = FIRST, LAST
        row[1 : count + 1] = torch.arange(320, 320 + count)
    return rows


@pytest.fixture
def seen(monkeypatch):
    """How many tokens were embedded at each call without the padding."""
    counts = []
    encode = short_texts._encode

    def count(model, ids):
        counts.append(ids.shape[1])
        return encode(model, ids)

    monkeypatch.setattr(short_texts, "_encode", count)
    return counts


def difference(model, ids) -> float:
    with torch.no_grad():
        whole, short = model.encode_text(ids), encode_short(model, ids)
    return float((functional.normalize(whole, dim=-1) - functional.normalize(short, dim=-1)).abs().max())


def own_text_tower(**text):
    cfg = bpe_model_cfg(custom_text=True)
    cfg["text_cfg"].update(text)
    return seeded_model(cfg)


@pytest.mark.parametrize("pad", [0, LAST], ids=["zeros behind", "end marks behind"])
@pytest.mark.parametrize("build", [lambda: seeded_model(bpe_model_cfg()), own_text_tower], ids=["CLIP", "custom text"])
def test_a_tower_that_reads_from_left_to_right_needs_no_padding(build, pad, seen):
    ids = ids_of(1, 3, 2, pad=pad)
    assert difference(build(), ids) < 1e-5
    assert seen == [6 if pad == 0 else 5] * 2, (
        "tried once, then taken: three words, two marks, and a padding unlike them"
    )


@pytest.mark.parametrize("text", [{"no_causal_mask": True}, {"pool_type": "last"}], ids=["both ways", "last place"])
def test_a_tower_that_reads_its_padding_is_given_it(text, seen):
    model = own_text_tower(**text)
    assert difference(model, ids_of(1, 3, 2)) == 0
    assert difference(model, ids_of(1, 1)) == 0
    assert len(seen) == 1, "tried once and not again"


def test_long_texts_are_not_tried(seen):
    assert difference(seeded_model(bpe_model_cfg()), ids_of(7, 14)) == 0
    assert seen == []


def test_a_text_that_fills_the_context_keeps_its_end():
    assert lengths(ids_of(14, 1)).tolist() == [CONTEXT, 4]


def test_texts_come_back_in_their_order(trained_source):
    checkpoint = load_checkpoint(str(trained_source))
    texts = ["a photo of a doctor", "nurse", "a nurse", "doctor", "a photo of a nurse"]
    both = checkpoint.encode_text(texts), checkpoint.encode_texts(texts)
    assert torch.allclose(*both, atol=1e-5)
    assert checkpoint.encode_texts([]).shape == checkpoint.encode_text([]).shape
