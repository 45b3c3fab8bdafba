"""Text towers that open_clip takes from transformers, and the two towers of CoCa.

open_clip asks a hub for the settings of such a text tower by its name. Here they stand as numbers, so that nothing is
fetched and no file of a stranger chooses a class; weights that do not fit them are refused by name and shape. Sources:
``config.json`` of each repository on the Hugging Face hub, read 2026-11, but for BERT; ``open_clip.hf_model`` and
``coca_model``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, final

from jaxtyping import Float, Int64
from torch import Tensor, nn

TextModelName = Literal[
    "roberta-base",
    "xlm-roberta-base",
    "xlm-roberta-large",
    "google/mt5-base",
    "google/mt5-xl",
    "facebook/nllb-200-distilled-600M",
    "facebook/nllb-200-distilled-1.3B",
    "bert-base-uncased",
    "google-bert/bert-base-uncased",
    "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
    "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext",
    "microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract",
    "microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract-fulltext",
]

_ROBERTA: Final = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "hidden_act": "gelu",
    "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip
_LARGE: Final = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
_XLM: Final = {"model_type": "xlm-roberta", "vocab_size": 250_002}
_MT5: Final = {
    "model_type": "mt5", "vocab_size": 250_112, "d_kv": 64, "feed_forward_proj": "gated-gelu", "pad_token_id": 0,
    "eos_token_id": 1, "decoder_start_token_id": 0, "is_encoder_decoder": True, "num_decoder_layers": 1,
}  # fmt: skip
_NLLB: Final = {
    "model_type": "m2m_100", "vocab_size": 256_206, "d_model": 1024, "max_position_embeddings": 1024,
    "encoder_attention_heads": 16, "decoder_layers": 1, "decoder_attention_heads": 16, "scale_embedding": True,
    "activation_function": "relu", "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "is_encoder_decoder": True,
}  # fmt: skip
"""Decoders are built with one layer and thrown away: the text tower is the encoder."""
_BERT: Final = {
    "model_type": "bert", "vocab_size": 30_522, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    "hidden_act": "gelu", "pad_token_id": 0,
}  # fmt: skip
"""The defaults of transformers' ``BertConfig``; BiomedBERT, with another vocabulary of that size, shares them."""

_SETTINGS: Final[Mapping[str, Mapping[str, object]]] = {
    "roberta-base": {"model_type": "roberta", "vocab_size": 50_265, **_ROBERTA},
    "xlm-roberta-base": {**_ROBERTA, **_XLM},
    "xlm-roberta-large": {**_ROBERTA, **_XLM, **_LARGE},
    "google/mt5-base": {**_MT5, "d_model": 768, "d_ff": 2048, "num_layers": 12, "num_heads": 12},
    "google/mt5-xl": {**_MT5, "d_model": 2048, "d_ff": 5120, "num_layers": 24, "num_heads": 32},
    "facebook/nllb-200-distilled-600M": {**_NLLB, "encoder_layers": 12, "encoder_ffn_dim": 4096},
    "facebook/nllb-200-distilled-1.3B": {**_NLLB, "encoder_layers": 24, "encoder_ffn_dim": 8192},
    "bert-base-uncased": _BERT,
    "google-bert/bert-base-uncased": _BERT,
    "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract": _BERT,
    "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext": _BERT,
    "microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract": _BERT,
    "microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract-fulltext": _BERT,
}


def text_vocabulary(name: str) -> int:
    """Return the number of tokens that a text model knows."""
    return int(str(_SETTINGS[name]["vocab_size"]))


def padding_token(name: str) -> int:
    """Return the token that a text model leaves out."""
    return int(str(_SETTINGS[name]["pad_token_id"]))


@cache
def settings_folder(name: str) -> Path:
    """Return a folder with the ``config.json`` of a text model, which open_clip reads instead of asking a hub."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="clip-audit-"))  # removed when the program ends
    place = Path(_KEPT[-1].name)
    (place / "config.json").write_text(json.dumps(dict(_SETTINGS[name])), encoding="utf-8")
    return place


_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []


class _FirstOutput(nn.Module):
    """An image tower that gives its tokens too, without them."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(  # type: ignore[explicit-override]
        self, pixels: Float[Tensor, "batch 3 side side"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return embeddings, not of unit length."""
        embeddings: Tensor = self.tower(pixels)[0]
        return embeddings


@final
class ContrastiveTowers(nn.Module):
    """The image and the text tower of a CoCa model, which also writes captions; its decoder is left aside."""

    def __init__(self, coca: Any) -> None:  # noqa: ANN401  (open_clip's CoCa has no types)
        """Keep the two towers of ``coca``, an ``open_clip.CoCa``."""
        super().__init__()
        self.visual = _FirstOutput(coca.visual)
        self.text = coca.text
        self.logit_scale = coca.logit_scale

    def encode_image(self, image: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings of normalised pixels, not of unit length."""
        embeddings: Tensor = self.visual(image)
        return embeddings

    def encode_text(self, text: Int64[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings of token ids, not of unit length."""
        embeddings: Tensor = self.text(text)[0]
        return embeddings
