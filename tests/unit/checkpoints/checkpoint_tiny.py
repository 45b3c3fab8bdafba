"""Tiny CLIP models, built here, with a word-level tokenizer, and one that learns the pairs of the sanity check."""

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from audit.checkpoints import build_model
from audit.checkpoints.sanity import captions, load_pictures

WORDS = sorted({word for caption in captions() for word in caption.split()} | {"nurse", "doctor"})
PADDING, UNKNOWN = "[PAD]", "[UNK]"
PREPROCESS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3], "interpolation": "bicubic", "resize_mode": "squash"}


def tiny_model_cfg(**text):
    return {
        "embed_dim": 16,
        "vision_cfg": {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32},
        "text_cfg": {
            "context_length": 12, "vocab_size": len(WORDS) + 4, "width": 32, "heads": 2, "layers": 1,
            "pool_type": "eos", "eos_id": 3, "pad_id": 0, **text,
        },
    }  # fmt: skip


def bpe_model_cfg(**top):
    """A model that open_clip's bundled tokenizer fits."""
    cfg = tiny_model_cfg(context_length=16, vocab_size=49408)
    cfg["text_cfg"] = {
        key: cfg["text_cfg"][key] for key in ("context_length", "vocab_size", "width", "heads", "layers")
    }
    return {**cfg, **top}


def word_tokenizer():
    vocabulary = {token: index for index, token in enumerate([PADDING, UNKNOWN, "[SOS]", "[EOS]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[SOS] $A [EOS]", special_tokens=[("[SOS]", 2), ("[EOS]", 3)]
    )
    tokenizer.enable_padding(pad_id=0, pad_token=PADDING)
    return tokenizer


def seeded_model(model_cfg, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build_model(model_cfg)


def learn_pairs(model, tokenizer, steps=150):
    """Overfit the pairs, so that the sanity check has something to pass."""
    mean, std = (torch.tensor(PREPROCESS[key]).view(3, 1, 1) for key in ("mean", "std"))
    pictures = torch.nn.functional.interpolate(load_pictures(), size=(32, 32), mode="bicubic", antialias=True)
    pixels = (pictures.clamp(0, 1) - mean) / std
    tokens = torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(captions())])
    tokens = torch.nn.functional.pad(tokens, (0, 12 - tokens.shape[1]))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    target = torch.arange(len(pixels))
    for _ in range(steps):
        images, texts = model.encode_image(pixels, normalize=True), model.encode_text(tokens, normalize=True)
        logits = 10 * images @ texts.T
        loss = torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model
