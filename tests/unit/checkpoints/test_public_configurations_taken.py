"""Configurations that people published, as facts, written anew: what is taken gives the features of open_clip.

Names and settings are those of Netflix/clove and microsoft/Cream (TinyCLIP), of NVIDIA's TAO (NVCLIP-H, there
``ViT-H-14-SigLIP-CLIPA``), of BiomedCLIP, of timm's exports of SigLIP, and of open_clip after 3.3.0 and beside it. Full
sizes are compared by the names and shapes of their parameters; what is computed, with widths and depths scaled down.
"""

import json

import open_clip
import pytest
import torch
from checkpoint_tiny import PREPROCESS, WORDS, word_tokenizer
from open_clip.model import CLIP, CustomTextCLIP
from safetensors.torch import save_file
from timm.models import _registry as timm_registry
from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg
from timm.models.vision_transformer import VisionTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn.functional import normalize

from audit.checkpoints import LoadOptions, load_checkpoint, text_towers
from audit.checkpoints.config import parse_model_config
from audit.checkpoints.text_towers import settings_folder
from audit.checkpoints.weights import instantiate
from audit.errors import RefusedProblem

TEXTS = ["a photo of a nurse", "a red ball"]
BERT = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
TINY = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TINY_M2M = {
    "d_model": 32, "encoder_layers": 1, "encoder_ffn_dim": 64, "encoder_attention_heads": 4, "decoder_ffn_dim": 64,
    "decoder_attention_heads": 4, "vocab_size": 100,
}  # fmt: skip


def timm_vit(global_pool="token", **given):
    """A tower of timm, small enough for a test, under the name of a large one."""
    small = {"img_size": 32, "patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2}
    given = {key: value for key, value in given.items() if key == "num_classes"}
    made = VisionTransformer(**small, class_token=global_pool != "map", global_pool=global_pool, **given)
    made.default_cfg = {}
    return made


def timm_naflex(global_pool="map", num_classes=0, **_given):
    cfg = NaFlexVitCfg(
        patch_size=16, embed_dim=32, depth=2, num_heads=2, pos_embed_grid_size=(2, 2), class_token=False, reg_tokens=0,
        global_pool=global_pool,
    )  # fmt: skip
    return NaFlexVit(cfg, num_classes=num_classes)


@pytest.fixture(autouse=True)
def small_towers(monkeypatch):
    """Let the names of towers of timm and transformers stand for small ones, for open_clip as for us."""
    for name, make in (
        ("vit_base_patch16_224", timm_vit),
        ("vit_base_patch16_siglip_256", timm_vit),
        ("naflexvit_base_patch16_siglip", timm_naflex),
    ):
        monkeypatch.setitem(timm_registry._model_entrypoints, name, make)
    known = dict(text_towers._SETTINGS)
    known["roberta-base"] = {**known["roberta-base"], **TINY}
    known[BERT] = {**known[BERT], **TINY}
    known[NLLB] = {**known[NLLB], **TINY_M2M}
    monkeypatch.setattr(text_towers, "_SETTINGS", known)
    settings_folder.cache_clear()
    yield
    settings_folder.cache_clear()


@pytest.fixture
def full_size(monkeypatch):
    """Towers of transformers as they are; those of timm are none of these."""
    monkeypatch.undo()
    settings_folder.cache_clear()


def words_of_bert():
    """A tokenizer of BERT's kind, over the words of the captions."""
    vocabulary = {token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, "##s"])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def write(folder, cfg, state=None, tokenizer=None):
    folder.mkdir()
    content = {"model_cfg": cfg, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    if state is not None:
        save_file({name: one.clone() for name, one in state.items()}, folder / "open_clip_model.safetensors")
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"))
        named = {"pad_token": "[PAD]", "sep_token": "[SEP]" if tokenizer.token_to_id("[SEP]") else "[EOS]"}
        (folder / "tokenizer_config.json").write_text(json.dumps(named))
    return folder


def by_name(cfg):
    """Settings for open_clip itself, which would ask a hub for a text model; it has no old names of settings."""
    told = json.loads(json.dumps(cfg))
    text = told["text_cfg"]
    if text.get("hf_model_name"):
        text |= {"hf_model_name": str(settings_folder(text["hf_model_name"])), "hf_model_pretrained": False}
        text |= {
            new: text.pop(old)
            for old, new in (("proj", "hf_proj_type"), ("pooler_type", "hf_pooler_type"))
            if old in text
        }
    return told


def drawn(model):
    """Move every weight a little, so that none is one number throughout."""
    with torch.no_grad():
        generator = torch.Generator().manual_seed(5)
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=generator))
    return model.eval()


def pair(tmp_path, cfg, tokenizer=None):
    """The same random weights, read by open_clip from a folder of its own, and by us."""
    empty = write(tmp_path / "empty", by_name(cfg))
    made = drawn(open_clip.create_model(f"local-dir:{empty}", load_weights=False, pretrained_hf=False))
    theirs = write(tmp_path / "theirs", by_name(cfg), made.state_dict())
    ours = write(tmp_path / "ours", cfg, made.state_dict(), tokenizer)
    checkpoint = load_checkpoint(str(ours), options=LoadOptions(waive_sanity=True))
    return checkpoint, open_clip.create_model(f"local-dir:{theirs}", pretrained_hf=False).eval()


def assert_same_features(checkpoint, model):
    side = checkpoint.card.image_size
    pixels = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(model.visual.preprocess_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        images = model.encode_image((pixels - mean) / std)
        texts = model.encode_text(checkpoint.tokenizer.encode(TEXTS))
    for found, wanted in ((checkpoint.encode_image(pixels), images), (checkpoint.encode_text(TEXTS), texts)):
        torch.testing.assert_close(found, normalize(wanted, dim=-1), atol=1e-5, rtol=1e-4)


VIT = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
ROBERTA = {"hf_model_name": "roberta-base", "context_length": 16}
OF_WORDS = {"context_length": 12, "vocab_size": len(WORDS) + 4, "hf_tokenizer_name": "bert-base-uncased"}
NVCLIP = {
    "embed_dim": 32,
    "init_logit_bias": -10,
    "vision_cfg": {
        "image_size": 28, "layers": 2, "width": 160, "head_width": 80, "patch_size": 14, "no_ln_pre": True,
        "pool_type": "avg", "final_ln_after_pool": True, "pos_embed_type": "sin_cos_2d", "patch_dropout": 0.0,
    },
    "text_cfg": {
        **OF_WORDS, "tokenizer_kwargs": {"strip_sep_token": True}, "width": 32, "heads": 2, "layers": 2,
        "pool_type": "last", "no_causal_mask": True,
    },
}  # fmt: skip
SIGLIP_TEXT = {
    "context_length": 12, "vocab_size": len(WORDS) + 4, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP-256",
    "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 32, "heads": 2, "layers": 2, "no_causal_mask": True,
    "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6},
}  # fmt: skip
SIGLIP_TOWER = {"image_size": 32, "timm_model_pretrained": False, "timm_pool": "map", "timm_proj": "none"}
SIGLIP = {
    "embed_dim": 32,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {**SIGLIP_TOWER, "timm_model_name": "vit_base_patch16_siglip_256"},
    "text_cfg": SIGLIP_TEXT,
}
BIOMED = {
    "embed_dim": 24,
    "vision_cfg": {
        "timm_model_name": "vit_base_patch16_224", "timm_model_pretrained": False, "timm_pool": "",
        "timm_proj": "linear", "image_size": 32,
    },
    "text_cfg": {
        "hf_model_name": BERT, "hf_tokenizer_name": BERT, "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": 24,
    },
}  # fmt: skip
OLDER_BIOMED = {
    **BIOMED,
    "text_cfg": {
        "hf_model_name": BERT, "hf_tokenizer_name": BERT, "proj": "mlp", "pooler_type": "mean_pooler",
        "context_length": 24,
    },
}  # fmt: skip
SMALL = {
    "clove: RN18_32": (
        {
            "embed_dim": 24,
            "vision_cfg": {"image_size": 32, "layers": [2, 2, 2, 2], "width": 16, "patch_size": None},
            "text_cfg": {"width": 32, "heads": 2, "layers": 2},
        },
        None,
    ),
    "clove: roberta, projection under its old name": (
        {"embed_dim": 24, "vision_cfg": VIT, "text_cfg": {**ROBERTA, "proj": "mlp"}},
        None,
    ),
    "clove: roberta without its pooler": ({"embed_dim": 24, "vision_cfg": VIT, "text_cfg": ROBERTA}, None),
    "TinyCLIP: ResNet": (
        {
            "embed_dim": 32,
            "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 12, "patch_size": None},
            "text_cfg": TEXT,
        },
        None,
    ),
    "NVCLIP-H": (NVCLIP, word_tokenizer),
    "SigLIP, exported": (SIGLIP, word_tokenizer),
    "SigLIP 2, naflex, at one resolution": (
        {
            **SIGLIP,
            "vision_cfg": {**SIGLIP_TOWER, "timm_model_name": "naflexvit_base_patch16_siglip"},
            "text_cfg": {**SIGLIP_TEXT, "act_kwargs": {"approximate": "tanh"}},
        },
        word_tokenizer,
    ),
    "BiomedCLIP": (BIOMED, words_of_bert),
    "BiomedCLIP, settings under their old names": (OLDER_BIOMED, words_of_bert),
    "CLIPS": (
        {
            "embed_dim": 32,
            "vision_cfg": {
                **VIT, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True, "norm_kwargs": {"eps": 1e-6}
            },
            "text_cfg": {
                **NVCLIP["text_cfg"], "act_kwargs": {"approximate": "tanh"}, "norm_kwargs": {"eps": 1e-6}
            },
        },
        word_tokenizer,
    ),
    "ViT-B-32-bow": ({"embed_dim": 32, "vision_cfg": VIT, "text_cfg": {**TEXT, "context_length": 7}}, None),
}  # fmt: skip


@pytest.mark.parametrize(("cfg", "tokenizer"), SMALL.values(), ids=SMALL)
def test_one_that_is_taken_gives_the_features_of_open_clip(tmp_path, cfg, tokenizer):
    assert_same_features(*pair(tmp_path, cfg, tokenizer and tokenizer()))


def test_bert_is_given_the_tokens_of_its_own_tokenizer(tmp_path):
    checkpoint, _ = pair(tmp_path, BIOMED, words_of_bert())
    wanted = [encoding.ids for encoding in words_of_bert().encode_batch(TEXTS)]
    found = checkpoint.tokenizer.encode(TEXTS).tolist()
    assert found == [ids + [0] * (24 - len(ids)) for ids in wanted]


def test_byte_pairs_that_a_text_model_does_not_know_are_refused(tmp_path):
    text = {key: value for key, value in BIOMED["text_cfg"].items() if key != "hf_tokenizer_name"}
    with pytest.raises(RefusedProblem, match="ids up to 49407, but its text tower knows 30522"):
        pair(tmp_path, {**BIOMED, "text_cfg": text})


TEXT_77 = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8}
FULL_SIZE = {
    "clove: RN18": {
        "embed_dim": 384,
        "vision_cfg": {"image_size": 224, "layers": [2, 2, 2, 2], "width": 64, "patch_size": None},
        "text_cfg": {"width": 512, "heads": 8, "layers": 12},
    },
    "clove: roberta-RN18": {
        "embed_dim": 384,
        "vision_cfg": {"timm_model_name": "resnet18"},
        "text_cfg": {"hf_model_name": "roberta-base", "proj": "mlp"},
    },
    "clove: vit_relpos_medium_patch16_cls_224": {
        "embed_dim": 512,
        "vision_cfg": {
            "timm_model_name": "vit_relpos_medium_patch16_cls_224", "timm_model_pretrained": False, "timm_pool": "",
            "timm_proj": "linear",
        },
        "text_cfg": {"width": 512, "heads": 8, "layers": 12},
    },
    "TinyCLIP-ViT-8M-16-Text-3M": {
        "embed_dim": 512,
        "vision_cfg": {"image_size": 224, "layers": 10, "width": 256, "patch_size": 16},
        "text_cfg": {**TEXT_77, "width": 256, "heads": 4, "layers": 3},
    },
    "TinyCLIP-ResNet-19M-Text-19M": {
        "embed_dim": 1024,
        "vision_cfg": {"image_size": 224, "layers": [3, 4, 6, 3], "width": 44, "patch_size": None},
        "text_cfg": {**TEXT_77, "layers": 6},
    },
    "NVCLIP-H": {
        **NVCLIP,
        "embed_dim": 1024,
        "vision_cfg": {**NVCLIP["vision_cfg"], "image_size": 224, "layers": 32, "width": 1280},
        "text_cfg": {
            **NVCLIP["text_cfg"], "context_length": 77, "vocab_size": 32000, "width": 1024, "heads": 16, "layers": 24
        },
    },
    "BiomedCLIP": {
        **BIOMED,
        "embed_dim": 512,
        "vision_cfg": {**BIOMED["vision_cfg"], "image_size": 224},
        "text_cfg": {**BIOMED["text_cfg"], "context_length": 256},
    },
    "ViT-B-16-SigLIP2-naflex": {
        **SIGLIP,
        "embed_dim": 768,
        "vision_cfg": {**SIGLIP_TOWER, "image_size": 256, "timm_model_name": "naflexvit_base_patch16_siglip"},
        "text_cfg": {
            **SIGLIP_TEXT, "context_length": 64, "vocab_size": 256000, "width": 768, "heads": 12, "layers": 12
        },
    },
}  # fmt: skip


@pytest.mark.usefixtures("full_size")
@pytest.mark.parametrize("cfg", FULL_SIZE.values(), ids=FULL_SIZE)
def test_at_full_size_the_parameters_are_those_of_open_clip(cfg):
    told = by_name(cfg)
    custom = told.pop("custom_text", False) or "hf_model_name" in told["text_cfg"]
    told["text_cfg"].pop("tokenizer_kwargs", None)
    with torch.device("meta"):
        theirs = (CustomTextCLIP if custom else CLIP)(**told).state_dict()
        ours = instantiate(parse_model_config(cfg)).state_dict()
    assert {name: one.shape for name, one in ours.items()} == {name: one.shape for name, one in theirs.items()}


PLAIN = {"embed_dim": 32, "vision_cfg": VIT, "text_cfg": TEXT}


def in_parts(name, within):
    """A name as TinyCLIP has it: in the image tower, the text tower, or the scale."""
    part = "_image_encoder" if name.startswith("visual.") else "_text_encoder"
    return f"{'_logit_scale' if name == 'logit_scale' else part}.{within}{name}"


@pytest.mark.parametrize("within", ["", "module."])
@pytest.mark.parametrize("around", ["", "module."])
def test_the_prefixes_of_tinyclip_are_taken_off(tmp_path, within, around):
    _, model = pair(tmp_path, PLAIN)
    state = {f"{around}{in_parts(name, within)}": one for name, one in model.state_dict().items()}
    folder = write(tmp_path / "tiny", PLAIN)
    torch.save({"epoch": 3, "state_dict": state}, folder / "TinyCLIP.pt")
    checkpoint = load_checkpoint(str(folder), options=LoadOptions(waive_sanity=True, allow_pickle=True))
    assert_same_features(checkpoint, model)


def test_tinyclips_auto_model_is_refused_by_its_settings():
    with pytest.raises(RefusedProblem, match=r"mask_image.*cut down by code.*mask_text") as caught:
        parse_model_config({"mask_image": True, "mask_text": True, **PLAIN})
    assert "TinyCLIP-ViT-61M-32-Text-29M" in caught.value.remedy


def test_tinyclips_auto_model_is_refused_by_its_weights(tmp_path):
    state = CLIP(**PLAIN).state_dict()
    for name in ("mlp.c_fc.weight", "mlp.c_fc.bias"):
        state[f"visual.transformer.resblocks.1.{name}"] = state[f"visual.transformer.resblocks.1.{name}"][:100]
    state["visual.transformer.resblocks.1.mlp.c_proj.weight"] = torch.randn(64, 100)
    folder = write(tmp_path / "auto", PLAIN, {in_parts(name, ""): one for name, one in state.items()})
    with pytest.raises(RefusedProblem, match="pruned to different widths") as caught:
        load_checkpoint(str(folder))
    assert "one of fixed size" in caught.value.remedy


def test_the_mean_over_all_tokens_is_that_of_older_versions_of_open_clip(tmp_path):
    checkpoint, model = pair(tmp_path, PLAIN)
    averaging = {**PLAIN, "vision_cfg": {**VIT, "global_average_pool": True}}
    folder = write(tmp_path / "gap", averaging, model.state_dict())
    found = load_checkpoint(str(folder), options=LoadOptions(waive_sanity=True))
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tower = model.visual
    with torch.no_grad():
        tokens = tower.transformer(tower._embeds((pixels - found.mean.view(3, 1, 1)) / found.std.view(3, 1, 1)))
        wanted = normalize(tower.ln_post(tokens.mean(dim=1)) @ tower.proj, dim=-1)
    torch.testing.assert_close(found.encode_image(pixels), wanted, atol=1e-5, rtol=1e-4)
    assert float((checkpoint.encode_image(pixels) - wanted).abs().max()) > 1e-3
    assert found.card.digest != checkpoint.card.digest


@pytest.mark.parametrize(
    "vision", [BIOMED["vision_cfg"], {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "head_width": 16}]
)
def test_towers_that_never_read_the_mean_over_all_tokens_are_as_without_it(vision):
    cfg = {**PLAIN, "vision_cfg": vision}
    averaging = {**cfg, "vision_cfg": {**vision, "global_average_pool": True}}
    plain, told = (instantiate(parse_model_config(one)).eval() for one in (cfg, averaging))
    told.load_state_dict(plain.state_dict())
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(told.encode_image(pixels), plain.encode_image(pixels))


TIMM = {key: value for key, value in BIOMED["vision_cfg"].items() if key != "timm_pool"}
FEW = {**TEXT, "vocab_size": 100}
OF_TRANSFORMERS = {"context_length": 16, "hf_proj_type": "linear"}
NLLB = "facebook/nllb-200-distilled-600M"
NULLS = {
    "plain": (VIT, FEW, ""),
    "ResNet": ({"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "head_width": 16}, FEW, ""),
    "timm": (TIMM, FEW, ""),
    "RoBERTa": (VIT, {**OF_TRANSFORMERS, "hf_model_name": "roberta-base"}, "hf_"),
    "BERT": (VIT, {**OF_TRANSFORMERS, "hf_model_name": BERT}, "hf_"),
    "NLLB": (VIT, {**OF_TRANSFORMERS, "hf_model_name": NLLB}, "hf_"),
}


def with_each_null(vision, text, begins):
    """Settings with one more key each, that is null; the tokenizer's are no concern of the towers."""
    for tower, kind in (("vision_cfg", open_clip.CLIPVisionCfg), ("text_cfg", open_clip.CLIPTextCfg)):
        for key in kind.__dataclass_fields__:
            told = {"embed_dim": 24, "vision_cfg": dict(vision), "text_cfg": dict(text)}
            if key not in told[tower] and "tokenizer" not in key and key.startswith(begins):
                told[tower][key] = None
                yield f"{tower}.{key}", told


def both_features(model, tokens):
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model.encode_image(pixels), model.encode_text(tokens)


def built_by_open_clip(told):
    """The model, its features and what it was asked; None where open_clip cannot compute with it."""
    told = by_name(told)
    tokens = torch.randint(3, 99, (2, told["text_cfg"]["context_length"]), generator=torch.Generator().manual_seed(2))
    try:
        model = drawn((CustomTextCLIP if told["text_cfg"].get("hf_model_name") else CLIP)(**told))
        return model, both_features(model, tokens), tokens
    except (TypeError, ValueError, AssertionError, AttributeError):
        return None


@pytest.mark.parametrize(("vision", "text", "begins"), NULLS.values(), ids=NULLS)
def test_a_null_means_what_it_means_to_open_clip(vision, text, begins):
    """timm_pool leaves it to the tower how to pool, hf_pooler_type to the kind of text model; the rest are defaults."""
    different, compared = [], 0
    for key, told in with_each_null(vision, text, begins):
        built = built_by_open_clip(told)
        if built is None:
            continue
        theirs, wanted, tokens = built
        ours = instantiate(parse_model_config(told)).eval()
        ours.load_state_dict(theirs.state_dict())
        found = both_features(ours, tokens)
        compared += 1
        if not all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, wanted, strict=True)):
            different.append(key)
    assert different == []
    assert compared >= (1 if begins else 30)
