"""Dual encoders of transformers: their ``config.json``, checked, and the model behind the calls of open_clip.

transformers' own classes are built, by name and from numbers alone: nothing in a folder chooses what code runs
(``auto_map``, ``AutoModel`` and remote code are never used). Every setting that a class reads is named here with its
type and bounds; settings that change nothing in a model that only encodes are left aside, the rest is refused by name.

Source: transformers 5, ``models/*/configuration_*.py`` and ``modeling_*.py`` of each family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, final

import torch
import transformers
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from audit.checkpoints.config import Depth, Share, Side, Strict, Width, check
from audit.errors import RefusedProblem

Activation = Literal["quick_gelu", "gelu", "gelu_pytorch_tanh", "gelu_new", "relu", "silu"]
_Heads = Annotated[int, Field(ge=1, le=128)]
_Size = Annotated[int, Field(ge=1, le=65_536)]
_TokenId = Annotated[int, Field(ge=0, le=1_000_000)]
_Epsilon = Annotated[float, Field(gt=0.0, le=0.1)]
_Patch = Annotated[int, Field(ge=1, le=256)]


class _Tower(Strict):
    """What both towers of every family have."""

    hidden_size: Width = 768
    intermediate_size: _Size = 3072
    num_hidden_layers: Depth = 12
    num_attention_heads: _Heads = 12
    hidden_act: Activation | None = None
    layer_norm_eps: _Epsilon | None = None
    attention_dropout: Share | int | None = None
    initializer_range: float | None = None
    initializer_factor: float | None = None
    projection_dim: Width | None = None

    @model_validator(mode="after")
    def _fits(self) -> _Tower:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of {self.num_attention_heads} heads")
        return self


class TransformersVision(_Tower):
    """``vision_config``."""

    image_size: Side | Annotated[list[Side], Field(min_length=2, max_length=2)] = 224
    patch_size: _Patch | Annotated[list[_Patch], Field(min_length=2, max_length=2)] = 32
    num_channels: Literal[3] = 3
    vision_use_head: Literal[True] | None = None
    num_patches: Annotated[int, Field(ge=1, le=16_384)] | None = None

    @model_validator(mode="after")
    def _square(self) -> TransformersVision:
        for name, value in (("image_size", self.image_size), ("patch_size", self.patch_size)):
            if isinstance(value, list) and value[0] != value[1]:
                raise ValueError(f"{name} {value} is not a square; only squares are audited")
        return self


class TransformersText(_Tower):
    """``text_config``."""

    hidden_size: Width = 512
    intermediate_size: _Size = 2048
    num_attention_heads: _Heads = 8
    vocab_size: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    max_position_embeddings: Annotated[int, Field(ge=2, le=8192)] | None = None
    pad_token_id: _TokenId | None = None
    bos_token_id: _TokenId | None = None
    eos_token_id: _TokenId | None = None
    projection_size: Width | None = None
    project_dim: Width | None = None
    type_vocab_size: Annotated[int, Field(ge=1, le=16)] | None = None
    hidden_dropout_prob: Share | int | None = None
    attention_probs_dropout_prob: Share | int | None = None


class _Whole(Strict):
    text_config: TransformersText
    vision_config: TransformersVision
    projection_dim: Width | None = None
    logit_scale_init_value: Annotated[float, Field(ge=-100, le=100)] | int | None = None
    initializer_factor: float | None = None
    initializer_range: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """One kind of dual encoder."""

    title: str
    masks_padding: bool
    """Whether the text tower has to be told which tokens fill up, as one that looks both ways has."""
    clean: Literal["canonicalize"] | None = None
    """What the original processor does to a text before it is split."""
    reserved: int = 0
    """Positions that the text tower has and no token can take."""


_FAMILIES: Final[Mapping[str, _Family]] = {
    "clip": _Family(title="CLIPModel", masks_padding=False),
    "metaclip_2": _Family(title="MetaClip2Model", masks_padding=False),
    "siglip": _Family(title="SiglipModel", masks_padding=False, clean="canonicalize"),
    "siglip2": _Family(title="Siglip2Model", masks_padding=False, clean="canonicalize"),
    "chinese_clip": _Family(title="ChineseCLIPModel", masks_padding=True),
    "altclip": _Family(title="AltCLIPModel", masks_padding=True, reserved=2),
}
FAMILY_NAMES: Final = tuple(family.title for family in _FAMILIES.values())

_LONGEST: Final = 77
"""Tokens that a text is cut to where the text tower has room for whole pages."""

_INERT: Final = frozenset(
    {
        "_attn_implementation_autoset", "_name_or_path", "architectures", "attn_implementation",
        "bad_words_ids", "begin_suppress_tokens", "chunk_size_feed_forward", "classifier_dropout",
        "cross_attention_hidden_size", "decoder_start_token_id", "directionality", "diversity_penalty",
        "do_sample", "dropout", "dtype", "early_stopping", "encoder_no_repeat_ngram_size",
        "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id",
        "gradient_checkpointing", "id2label", "is_encoder_decoder", "label2id", "length_penalty", "max_length",
        "min_length", "model_type", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
        "num_return_sequences", "output_attentions", "output_hidden_states", "output_past", "output_scores",
        "pooler_fn", "pooler_hidden_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
        "pooler_size_per_head", "pooler_type", "prefix", "problem_type", "remove_invalid_values",
        "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
        "task_specific_params", "temperature", "text_config_dict", "text_config_info", "text_model_name",
        "tf_legacy_loss", "tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class", "top_k", "top_p",
        "torch_dtype", "torchscript", "transformers_version", "typical_p", "use_bfloat16", "use_cache",
        "vision_config_dict", "vision_config_info", "vision_model_name",
    }
)  # fmt: skip
"""Settings of training, of generation and of bookkeeping: an encoder that only encodes reads none of them."""

_MUST_BE_OFF: Final = ("add_cross_attention", "is_decoder", "pruned_heads")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TransformersConfig:
    """The checked settings of a dual encoder of transformers."""

    family: str
    """Its ``model_type``."""
    settings: _Whole

    @property
    def side(self) -> int:
        """Side of the square picture that the tower reads, in pixels."""
        vision = self.settings.vision_config
        if self.family == "siglip2":  # of one resolution: as many patches a side as there are positions
            return math.isqrt(vision.num_patches or 256) * _first(vision.patch_size)
        return _first(vision.image_size)

    @property
    def embed_dim(self) -> int:
        """Numbers in an embedding of either tower."""
        if self.family.startswith("siglip"):
            return self.settings.vision_config.hidden_size
        return self.settings.projection_dim or (768 if self.family == "altclip" else 512)

    @property
    def context_length(self) -> int:
        """Tokens that a text is filled up or cut to."""
        stated = self.settings.text_config.max_position_embeddings
        known = {"siglip": 64, "siglip2": 64, "chinese_clip": 512, "altclip": 514}.get(self.family, 77)
        return min(_LONGEST, (stated or known) - _FAMILIES[self.family].reserved)

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the text tower knows."""
        known = {"siglip": 32_000, "siglip2": 32_000, "chinese_clip": 30_522, "altclip": 250_002}
        return self.settings.text_config.vocab_size or known.get(self.family, 49_408)

    @property
    def clean(self) -> str | None:
        """What is done to a text before it is split, as open_clip names it."""
        return _FAMILIES[self.family].clean

    @property
    def pad_id(self) -> int:
        """Token that fills up short texts."""
        stated = self.settings.text_config.pad_token_id
        return {"siglip": 1, "siglip2": 1, "altclip": 1}.get(self.family, 0) if stated is None else stated

    @property
    def end_id(self) -> int:
        """Token that ends a text."""
        stated = self.settings.text_config.eos_token_id
        return self.vocab_size - 1 if stated in {None, 2} and not self.masks_padding else stated or 0

    @property
    def reads_at_end(self) -> bool:
        """Whether the text tower answers at the place of the token that ends a text."""
        return self.family in {"clip", "metaclip_2"}

    @property
    def masks_padding(self) -> bool:
        """Whether the text tower has to be told which tokens fill up."""
        return _FAMILIES[self.family].masks_padding

    @property
    def quick_gelu(self) -> bool:
        """Whether the image tower computes with QuickGELU."""
        stated = self.settings.vision_config.hidden_act
        return stated == "quick_gelu" or (stated is None and not self.family.startswith("siglip"))

    def canonical(self) -> dict[str, Any]:
        """Return what is set, so that two spellings of one model are equal."""
        return {"family": self.family, **self.settings.model_dump(mode="json", exclude_none=True)}

    def describe(self) -> str:
        """Return the model in a few words, for people."""
        vision, text = self.settings.vision_config, self.settings.text_config
        return (
            f"{_FAMILIES[self.family].title}, image {vision.num_hidden_layers}x{vision.hidden_size}/"
            f"{_first(vision.patch_size)}, text {text.num_hidden_layers}x{text.hidden_size}"
        )

    def build(self) -> nn.Module:
        """Return transformers' model with random weights; under ``torch.device("meta")`` it takes no memory.

        Raises:
            RefusedProblem: If transformers cannot build it.
        """
        config_class, model_class = _classes(self.family)
        settings = self.settings.model_dump(mode="python", exclude_none=True, exclude_unset=True)
        try:
            model: nn.Module = model_class(config_class(**settings))
        except (RuntimeError, ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
            raise RefusedProblem(
                f"transformers cannot build {self.describe()}: {str(error).splitlines()[0][:200]}.",
                remedy="Compare config.json with the one that the checkpoint was published with.",
            ) from error
        return model

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of a file under the names of the class; AltCLIP is saved under older ones."""
        if self.family != "altclip":
            return dict(state)
        return {name.replace(".encoder.layer.", ".encoder.layers."): tensor for name, tensor in state.items()}

    def encoder(self, model: nn.Module) -> nn.Module:
        """Return the model that :meth:`build` made, with open_clip's names of its two towers."""
        patch = _first(self.settings.vision_config.patch_size) if self.family == "siglip2" else None
        masked = self.pad_id if self.masks_padding else None
        return DualEncoder(model, patch=patch, masked_id=masked)


def parse_transformers_config(content: object, *, where: str) -> TransformersConfig:
    """Return the checked settings of a ``config.json``.

    Raises:
        RefusedProblem: If it is not one of the families that are read, names code to run, or says anything that is not
            on the list of known settings, or out of bounds.
    """
    if not isinstance(content, Mapping):
        raise RefusedProblem(f"{where} is not a table of settings.", remedy="Get the checkpoint again.")
    family = content.get("model_type")
    if not isinstance(family, str) or family not in _FAMILIES:
        raise RefusedProblem(
            f"{where} describes a model of type {ascii(family)[:60]}, which is not read.",
            remedy=f"Hugging Face folders of {', '.join(FAMILY_NAMES)} are; for others, convert the weights to an "
            "open_clip folder.",
        )
    for key, remedy in _NOT_READ.items():
        if key in content:
            raise RefusedProblem(f"{where} has the entry {key}.", remedy=remedy)
    towers = {
        name: {**_table(content.get(name)), **_table(content.get(f"{name}_dict"))}
        for name in ("text_config", "vision_config")
    }
    rest = {key: value for key, value in content.items() if key not in towers}
    plain = {**_without_inert(rest), **{name: _without_inert(tower) for name, tower in towers.items()}}
    return TransformersConfig(family=family, settings=check(_Whole, plain, where=where))


_NOT_READ: Final = {
    "auto_map": "It names Python code of its own, which is never run; ask for weights of a class of transformers.",
    "quantization_config": "Its weights are quantised: audit them as they were before, in float32 or bfloat16.",
}


def _table(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _without_inert(settings: Mapping[str, object]) -> dict[str, object]:
    off = {key for key in _MUST_BE_OFF if not settings.get(key)}
    absolute = {"position_embedding_type"} if settings.get("position_embedding_type") == "absolute" else set()
    return {key: value for key, value in settings.items() if key not in _INERT | off | absolute and value is not None}


def _classes(family: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return {
        "clip": (transformers.CLIPConfig, transformers.CLIPModel),
        "metaclip_2": (transformers.MetaClip2Config, transformers.MetaClip2Model),
        "siglip": (transformers.SiglipConfig, transformers.SiglipModel),
        "siglip2": (transformers.Siglip2Config, transformers.Siglip2Model),
        "chinese_clip": (transformers.ChineseCLIPConfig, transformers.ChineseCLIPModel),
        "altclip": (transformers.AltCLIPConfig, transformers.AltCLIPModel),
    }[family]


def _first(value: int | list[int]) -> int:
    return value if isinstance(value, int) else value[0]


class _ImageTower(nn.Module):
    """Normalised pixels to embeddings, through the image tower of a model of transformers."""

    def __init__(self, model: nn.Module, patch: int | None) -> None:
        super().__init__()
        self.vision_model = model.get_submodule("vision_model")
        children = dict(model.named_children())
        self.projection = children.get("visual_projection", nn.Identity())
        self._patch = patch

    def forward(  # type: ignore[explicit-override]
        self, pixels: Float[Tensor, "batch 3 side side"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return embeddings, not of unit length."""
        inputs = {"pixel_values": pixels} if self._patch is None else _patches(pixels, self._patch)
        embeddings: Tensor = self.projection(self.vision_model(**inputs).pooler_output)
        return embeddings


def _patches(pixels: Float[Tensor, "batch 3 side side"], patch: int) -> dict[str, Tensor]:
    """Return what SigLIP 2 takes instead of a picture: a row for each patch, colours innermost, and their number."""
    count = pixels.shape[-1] // patch
    columns = functional.unfold(pixels, patch, stride=patch).transpose(1, 2)
    rows = columns.reshape(*columns.shape[:2], 3, patch, patch).permute(0, 1, 3, 4, 2).flatten(2)
    return {
        "pixel_values": rows,
        "pixel_attention_mask": torch.ones(len(pixels), count * count, dtype=torch.long, device=pixels.device),
        "spatial_shapes": torch.full((len(pixels), 2), count, device=pixels.device),
    }


@final
class DualEncoder(nn.Module):
    """A model of transformers behind the calls of open_clip: ``visual``, ``encode_image``, ``encode_text``."""

    def __init__(self, model: nn.Module, *, patch: int | None, masked_id: int | None) -> None:
        """Wrap a model.

        Args:
            model: As :meth:`TransformersConfig.build` returns it.
            patch: Side of the patches that its image tower takes instead of pictures; ``None`` where it takes pictures.
            masked_id: Token that its text tower has to be told to leave out; ``None`` where it need not be told.
        """
        super().__init__()
        self.inner = model
        self.visual = _ImageTower(model, patch)
        self.logit_scale = model.get_parameter("logit_scale")
        self._masked_id = masked_id

    def encode_image(self, image: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings of normalised pixels, not of unit length."""
        embeddings: Tensor = self.visual(image)
        return embeddings

    def encode_text(self, text: Int64[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings of token ids, not of unit length."""
        inner: Any = self.inner
        mask = {} if self._masked_id is None else {"attention_mask": (text != self._masked_id).long()}
        embeddings: Tensor = inner.get_text_features(input_ids=text, **mask).pooler_output
        return embeddings
