"""Configurations that people published, as facts: each is taken, or refused for what truly stands in the way.

From jina-ai/jina-openclip (``src/open_clip/model_configs``), whose towers of text need code of their own, and its two
plain ones; and from open_clip after 3.3.0 and beside it. Settings are written anew; those that are taken have a file of
their own.
"""

import pytest

from audit.checkpoints.config import parse_model_config
from audit.errors import RefusedProblem

PLAIN_VISION = {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32}
PLAIN_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}


def remote(name, **more):
    """A text tower that its hub's own code builds, averaged over all tokens."""
    named = {"hf_model_name": name, "hf_tokenizer_name": name, "hf_pooler_type": "mean_pooler"}
    return {"context_length": 77, **named, "hf_trust_remote_code": True, "proj_type": None, **more}


JINA_BERT = remote("jinaai/jina-bert-b-en-v1-8k")
JINA_XLM = remote("jinaai/jina-xlm-roberta-large-rope-wwm-cont")
EVA = {
    "image_size": 224,
    "layers": 24,
    "width": 1024,
    "head_width": 64,
    "patch_size": 14,
    "mlp_ratio": 2.6667,
    "eva_model_name": "EVA02",
}
SO400M = {"image_size": 384, "timm_model_name": "vit_so400m_patch14_siglip_384", "timm_pool": "map", "timm_proj": ""}
DINO = {"image_size": 224, "timm_model_name": "vit_base_patch16_224.dino", "timm_pool": "token", "timm_proj": "none"}
DINO_2 = {"image_size": 224, "hf_vision_model_name": "facebook/dinov2-base", "hf_vision_pool": "tok"}


def test_a_plain_one_is_taken_with_its_activation():
    told = {"embed_dim": 512, "vision_cfg": PLAIN_VISION, "text_cfg": PLAIN_TEXT}
    assert parse_model_config({**told, "quick_gelu": True}).quick_gelu
    assert not parse_model_config(told).quick_gelu


def test_a_projection_that_is_there_anyway_may_be_named():
    """ViT-B-32-quickgelu, as that fork writes it."""
    told = {"embed_dim": 512, "text_cfg": PLAIN_TEXT, "quick_gelu": True}
    plain = parse_model_config({**told, "vision_cfg": PLAIN_VISION})
    named = parse_model_config({**told, "vision_cfg": {**PLAIN_VISION, "proj_type": "linear"}})
    assert named.canonical() == plain.canonical()


@pytest.mark.parametrize("tower", [{**DINO, "timm_proj": "linear"}, {"layers": [3, 4, 6, 3], "width": 64}])
def test_the_projection_of_a_transformer_is_not_one_of_other_towers(tower):
    told = {"embed_dim": 512, "text_cfg": PLAIN_TEXT, "vision_cfg": {**tower, "proj_type": "linear"}}
    with pytest.raises(RefusedProblem, match="proj_type"):
        parse_model_config(told)


REFUSED = {
    "ViT-B-32 without its projection": ({**PLAIN_VISION, "proj_type": "none"}, PLAIN_TEXT, ["proj_type"]),
    "jina-backbone-clip-ViT-B-32": (PLAIN_VISION, JINA_BERT, ["hf_model_name", "hf_trust_remote_code"]),
    "jina-clip-ViT-B-16-dino": (DINO, JINA_BERT, ["hf_model_name", "hf_trust_remote_code"]),
    "jina-clip-ViT-B-14-hf-dinov2": (DINO_2, JINA_BERT, ["hf_vision_model_name", "hf_model_name"]),
    "jina-clip-xlmBERT-large-EVA02-ViT-L14": (EVA, JINA_XLM, ["eva_model_name", "hf_model_name"]),
    "jina-clip-xlmBERT-large-SoViT-384": (SO400M, JINA_XLM, ["hf_model_name", "hf_trust_remote_code"]),
}


@pytest.mark.parametrize(("vision", "text", "named"), REFUSED.values(), ids=REFUSED)
def test_one_that_needs_other_code_is_refused_by_the_setting_that_stands_in_the_way(vision, text, named):
    with pytest.raises(RefusedProblem) as caught:
        parse_model_config({"embed_dim": 768, "vision_cfg": vision, "text_cfg": text})
    assert [setting for setting in named if f"_cfg.{setting}`" not in caught.value.what] == []
    assert caught.value.remedy


def test_a_third_tower_is_named():
    told = {"embed_dim": 512, "vision_cfg": PLAIN_VISION, "text_cfg": PLAIN_TEXT, "teacher_cfg": JINA_BERT}
    with pytest.raises(RefusedProblem, match="teacher_cfg"):
        parse_model_config(told)


TIPS = {
    "embed_dim": 768,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 448, "timm_model_name": "vit_base_patch14_reg1_tipsv2", "timm_model_pretrained": False,
        "timm_pool": "token", "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 64, "vocab_size": 32000, "hf_tokenizer_name": "tips", "tokenizer_mode": "tips", "width": 768,
        "heads": 12, "layers": 12, "mlp_ratio": 4.0, "no_causal_mask": True, "use_pad_mask": True, "pad_id": 0,
        "pool_type": "mean", "pos_embed_type": "sinusoidal", "scale_sqrt_depth": True, "proj_type": "none",
        "act_layer": "relu",
    },
}  # fmt: skip
BIG_VISION = {
    "embed_dim": 1024,
    "vision_cfg": {
        "image_size": 224, "layers": 32, "width": 1280, "head_width": 80, "patch_size": 14, "gelu_approximate": "tanh",
        "ln_pre": False, "pool_style": "big_vision_gap", "global_average_pool": True,
    },
    "text_cfg": {
        "context_length": 32, "vocab_size": 32000, "width": 1024, "heads": 16, "layers": 24, "bert_tokenizer": True,
        "gelu_approximate": "tanh", "pool_style": "big_vision_last", "attention_mask": False,
    },
}  # fmt: skip
PLAIN = {"embed_dim": 512, "vision_cfg": PLAIN_VISION, "text_cfg": PLAIN_TEXT}
SUPER = {
    **PLAIN,
    "vision_cfg": {**PLAIN_VISION, "output_tokens": True},
    "clstext_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 0, "mlp_ratio": 4},
}
SOUNDS = {
    "embed_dim": 512,
    "audio_cfg": {"model_type": "HTSAT", "model_name": "tiny", "sample_rate": 48000, "mel_bins": 64},
    "text_cfg": {"hf_model_name": "roberta-base", "hf_pooler_type": "cls_pooler", "hf_proj_type": "clap_mlp"},
}
TWO_TEXTS = {"embed_dim": 512, "text_cfg": {"hf_model_name": "xlm-roberta-large", "proj": "mlp"}}
OLD_POOLER = {**PLAIN, "text_cfg": {"hf_model_name": "bert-base-uncased", "proj": "mlp", "pooler_type": "cls_pooler"}}
OF_OTHERS = {
    "TIPSv2-B-14": (TIPS, ["use_pad_mask", "scale_sqrt_depth", "newer than 3.3.0"], "cannot be left out"),
    "ViT-H-14-CL32-GAP-BigVision": (BIG_VISION, ["gelu_approximate", "pool_style", "ln_pre"], "cannot be left out"),
    "SuperCLIP-ViT-B-16": (SUPER, ["clstext_cfg", "beside the two towers"], "two towers alone"),
    "CLAP-HTSAT-tiny-Roberta-base": (SOUNDS, ["audio_cfg", "a model of sounds"], "of pictures and texts"),
    "Siamese-xlm-roberta-large": (TWO_TEXTS, ["vision_cfg"], "of pictures and texts"),
    "BERT, cls_pooler under its old name": (OLD_POOLER, ["pooler_type", "one of two things"], "pooler.dense"),
}


@pytest.mark.parametrize(("told", "named", "remedy"), OF_OTHERS.values(), ids=OF_OTHERS)
def test_one_that_open_clip_does_not_compute_is_refused_without_the_advice_to_leave_it_out(told, named, remedy):
    with pytest.raises(RefusedProblem) as caught:
        parse_model_config(told)
    assert [words for words in named if words not in caught.value.what] == []
    assert remedy in caught.value.remedy


def test_the_two_towers_beside_a_third_part_are_taken_alone():
    alone = {key: value for key, value in SUPER.items() if key != "clstext_cfg"}
    with pytest.raises(RefusedProblem, match="output_tokens") as caught:
        parse_model_config(alone)
    assert "Set output_tokens to false" in caught.value.remedy
    told = parse_model_config({**alone, "vision_cfg": {**PLAIN_VISION, "output_tokens": False}})
    assert told.canonical() == parse_model_config(PLAIN).canonical()


@pytest.mark.parametrize("pooler", ["cls_pooler", "cls_last_hidden_state_pooler"])
def test_an_old_pooler_is_taken_under_the_name_that_the_remedy_gives(pooler):
    text = {key: value for key, value in OLD_POOLER["text_cfg"].items() if key != "pooler_type"}
    told = parse_model_config({**PLAIN, "text_cfg": {**text, "hf_pooler_type": pooler}})
    assert (told.text_cfg.hf_pooler_type, told.text_cfg.hf_proj_type) == (pooler, "mlp")


def test_what_tells_most_is_shown_first_however_many_entries_are_unknown():
    notes = {f"note_{number}": 1 for number in range(6)}
    with pytest.raises(RefusedProblem, match=r"`clstext_cfg`.*and 3 more") as caught:
        parse_model_config({**notes, **SUPER})
    assert "two towers alone" in caught.value.remedy
