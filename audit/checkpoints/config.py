"""What ``open_clip_config.json`` may say: an allow-list with bounds, so that a file cannot run code or fill memory.

A configuration is text from a stranger. open_clip 3.3.0 hands its ``tokenizer_kwargs`` to transformers, which
runs Python files from the folder if told to; other keys name repositories that would be fetched. So every key
is named here, with its type and its bounds; the rest is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from audit.checkpoints.safe_files import read_json
from audit.checkpoints.text_towers import TextModelName, text_vocabulary
from audit.errors import RefusedProblem
from audit.parsing import as_written

OPENAI_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD: Final = (0.26862954, 0.26130258, 0.27577711)

PRUNED_REMEDY: Final = "Audit one of fixed size instead, such as hf-hub:wkcn/TinyCLIP-ViT-61M-32-Text-29M-LAION400M."
_TWO_TOWERS: Final = (
    "Save the two towers alone: without this entry, with output_tokens false, and without the weights of that part."
)

_MAX_SHOWN: Final = 4

_NEWER: Final = "a setting of an open_clip newer than 3.3.0, which does not compute it"
_THIRD: Final = "a part beside the two towers that are audited"

REASONS: Final[Mapping[str, str]] = {
    "tokenizer_kwargs": "options of a tokenizer can make it run code from the folder; only `clean` and "
    "`strip_sep_token` are accepted",
    "hf_model_name": "the settings of a text tower are taken from a list, and not fetched by name",
    "pooler_type": "under this old name, cls_pooler means one of two things",
    "tokenizer_mode": "custom tokenizer modes are not supported",
    "mask_image": "TinyCLIP's auto models are cut down by code of their own",
    "mask_text": "TinyCLIP's auto models are cut down by code of their own",
    "audio_cfg": "it is a model of sounds",
    "clstext_cfg": _THIRD,
    "teacher_cfg": _THIRD,
    **dict.fromkeys(("act_layer", "scale_sqrt_depth", "use_pad_mask"), _NEWER),
}
_REMEDIES: Final[Mapping[str, str]] = {
    "no vision_cfg": "Name a checkpoint of pictures and texts: both towers are asked.",
    "no text_cfg": "Name a checkpoint of pictures and texts: both towers are asked.",
    "mask_image": PRUNED_REMEDY,
    "mask_text": PRUNED_REMEDY,
    "hf_model_name": "Give the text tower one of the names that are listed, where its weights are of that model.",
    "pooler_type": "Write hf_pooler_type: cls_pooler where text.transformer.pooler.dense was trained with the model, "
    "else cls_last_hidden_state_pooler.",
    "not a square": "Inversion makes square images: audit it at a square resolution that it was trained for.",
    "clstext_cfg": _TWO_TOWERS,
    "teacher_cfg": _TWO_TOWERS,
    "output_tokens": "Set output_tokens to false: the embeddings stay the same.",
}
"""What to do about an entry, the most telling first, where there is more to say than of an unknown one."""
_UNKNOWN: Final = (
    "Correct what is misspelt, and remove only what changes no answer, such as notes of its maker. An entry that "
    "shapes the model cannot be left out: its answers would be others without a word. Nothing of this checkpoint "
    "was loaded."
)

Width = Annotated[int, Field(ge=1, le=8192)]
Depth = Annotated[int, Field(ge=1, le=64)]
Side = Annotated[int, Field(ge=8, le=1024)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
SmallReal = Annotated[float, Field(ge=-100.0, le=100.0)]
HubName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?$")]
TimmName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,95}(\.[a-z0-9_]{1,64})?$")]


_Config = TypeVar("_Config", bound=BaseModel)


class Strict(BaseModel):
    """Settings of a stranger: what is not named is refused, types are not converted, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ActivationConfig(Strict):
    """Arguments of the activation function."""

    approximate: Literal["none", "tanh"] = "none"


class NormConfig(Strict):
    """Arguments of the layer norms."""

    eps: Annotated[float, Field(gt=0.0, le=0.1)] = 1e-5


class TokenizerConfig(Strict):
    """The only options of a tokenizer that cannot change what code runs."""

    clean: Literal["lower", "whitespace", "canonicalize"] | None = None
    strip_sep_token: bool = False


class _Blocks(Strict):
    """What image and text transformers have in common."""

    mlp_ratio: Annotated[float, Field(gt=0.0, le=16.0)] = 4.0
    ls_init_value: SmallReal | None = None
    final_ln_after_pool: bool = False
    output_tokens: bool = False
    act_kwargs: ActivationConfig | None = None
    norm_kwargs: NormConfig | None = None
    block_type: Literal["default", "custom"] | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False


class VisionConfig(_Blocks):
    """The image tower, as in ``open_clip.model.CLIPVisionCfg``."""

    layers: Depth | Annotated[list[Depth], Field(min_length=4, max_length=4)] = 12
    width: Width = 768
    head_width: Width = 64
    patch_size: Annotated[int, Field(ge=1, le=256)] | None = 16
    image_size: Side | Annotated[list[Side], Field(min_length=2, max_length=2)] = 224
    patch_dropout: Share = 0.0
    attentional_pool: bool = False
    attn_pooler_queries: Annotated[int, Field(ge=1, le=1024)] = 256
    attn_pooler_heads: Annotated[int, Field(ge=1, le=128)] = 8
    no_ln_pre: bool = False
    pos_embed_type: Literal["learnable", "sin_cos_2d"] = "learnable"
    pool_type: Literal["tok", "avg", "none"] = "tok"
    global_average_pool: bool = False
    """Of older versions of open_clip: the mean over all tokens; ``pool_type = "avg"`` leaves the class token out."""
    timm_model_name: TimmName | None = None
    timm_model_pretrained: bool = False
    timm_pool: Literal["avg", "token", "map", "abs_attn", "rot_attn", ""] | None = "avg"
    timm_proj: Literal["linear", "mlp", "none", ""] | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: Share = 0.0
    timm_drop_path: Share | None = None
    proj_type: Literal["linear"] = "linear"
    """Written by forks of open_clip: the projection that a transformer here has anyway."""

    @property
    def side(self) -> int:
        """Side of the square picture that the tower reads, in pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[0]

    @model_validator(mode="after")
    def _fits(self) -> VisionConfig:
        if isinstance(self.image_size, list) and self.image_size[0] != self.image_size[1]:
            raise ValueError(f"image_size {self.image_size} is not a square; only squares are audited")
        if self.global_average_pool and (self.attentional_pool or self.pool_type != "tok"):
            raise ValueError("global_average_pool is one way of pooling, attentional_pool and pool_type are others")
        if "proj_type" in self.model_fields_set and (self.timm_model_name or isinstance(self.layers, list)):
            raise ValueError("proj_type is of a plain transformer; a tower of timm has timm_proj, a ResNet neither")
        if self.timm_model_name is not None:
            return self
        attended = self.width if isinstance(self.layers, int) else 32 * self.width  # a ResNet pools 32 widths
        if attended < self.head_width or attended % self.head_width:
            raise ValueError(
                f"the {attended} features to attend over are not a multiple of head_width {self.head_width}"
            )
        if isinstance(self.layers, int) and (self.patch_size is None or self.patch_size > self.side):
            raise ValueError(f"patch_size {self.patch_size} does not fit into image_size {self.side}")
        if isinstance(self.layers, list) and self.side % 32:
            raise ValueError(f"image_size {self.side} is not a multiple of 32, which a ResNet needs")
        return self


_Pooler = Literal["mean_pooler", "max_pooler", "cls_pooler", "cls_last_hidden_state_pooler"]


class TextConfig(_Blocks):
    """The text tower, as in ``open_clip.model.CLIPTextCfg``."""

    context_length: Annotated[int, Field(ge=2, le=512)] = 77
    vocab_size: Annotated[int, Field(ge=2, le=1_000_000)] = 49408
    hf_tokenizer_name: HubName | None = None
    tokenizer_kwargs: TokenizerConfig = TokenizerConfig()
    width: Width = 512
    heads: Annotated[int, Field(ge=1, le=128)] = 8
    layers: Depth = 12
    embed_cls: bool = False
    hf_model_name: TextModelName | None = None
    hf_model_pretrained: bool = True
    """Read and ignored: the weights of the file count."""
    hf_proj_type: Literal["linear", "mlp"] | None = "mlp"
    hf_pooler_type: _Pooler | None = "mean_pooler"
    """None leaves it to open_clip, which knows one for each kind of text model."""
    pad_id: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    eos_id: Annotated[int, Field(ge=0, le=1_000_000)] = 2
    no_causal_mask: bool = False
    pool_type: Literal["argmax", "eos", "first", "last"] = "argmax"
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] | None = "linear"

    @model_validator(mode="after")
    def _fits(self) -> TextConfig:
        if self.hf_model_name is not None:
            return self
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if max(self.pad_id, self.eos_id if self.pool_type == "eos" else 0) >= self.vocab_size:
            raise ValueError(f"pad_id or eos_id lies outside of the vocabulary of {self.vocab_size}")
        return self


class CaptionConfig(Strict):
    """The decoder of a CoCa model: its weights are read with the others, and it is never run."""

    context_length: Annotated[int, Field(ge=2, le=512)] = 77
    vocab_size: Annotated[int, Field(ge=2, le=1_000_000)] = 49408
    width: Width = 512
    heads: Annotated[int, Field(ge=1, le=128)] = 8
    layers: Depth = 12
    ls_init_value: SmallReal | None = None
    mlp_ratio: Annotated[int, Field(ge=1, le=16)] = 4
    dim_head: Annotated[int, Field(ge=1, le=1024)] = 64
    n_queries: Annotated[int, Field(ge=1, le=1024)] = 256
    attn_pooler_heads: Annotated[int, Field(ge=1, le=128)] = 8


class ModelConfig(Strict):
    """The whole model: ``model_cfg`` of an open_clip folder."""

    embed_dim: Width
    vision_cfg: VisionConfig
    text_cfg: TextConfig
    quick_gelu: bool = False
    custom_text: bool = False
    init_logit_scale: SmallReal = 2.6592600369327783
    init_logit_bias: SmallReal | None = None
    nonscalar_logit_scale: bool = False
    multimodal_cfg: CaptionConfig | None = None

    @model_validator(mode="after")
    def _tokens_fit(self) -> ModelConfig:
        towers = (self.vision_cfg, self.text_cfg)
        if self.multimodal_cfg is None and any(tower.output_tokens for tower in towers):
            raise ValueError("output_tokens is for CoCa models, which have a multimodal_cfg")
        if self.multimodal_cfg is not None and not all(tower.output_tokens for tower in towers):
            raise ValueError("a CoCa model (multimodal_cfg) needs output_tokens in vision_cfg and text_cfg")
        return self

    @property
    def side(self) -> int:
        """Side of the square picture that the tower reads, in pixels."""
        return self.vision_cfg.side

    @property
    def context_length(self) -> int:
        """Tokens that a text is filled up or cut to."""
        return self.text_cfg.context_length

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the text tower knows."""
        name = self.text_cfg.hf_model_name
        return self.text_cfg.vocab_size if name is None else text_vocabulary(name)

    @property
    def end_id(self) -> int:
        """Token that ends a text."""
        return self.text_cfg.eos_id

    def canonical(self) -> dict[str, Any]:
        """Return what differs from the defaults, so that two spellings of one model are equal."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def describe(self) -> str:
        """Return both towers in a few words, for people."""
        vision, text = self.vision_cfg, self.text_cfg
        if vision.timm_model_name is not None:
            tower = vision.timm_model_name
        elif isinstance(vision.layers, list):
            tower = f"ResNet-{'-'.join(map(str, vision.layers))} width {vision.width}"
        else:
            tower = f"ViT-{vision.layers}x{vision.width}/{vision.patch_size}"
        words = text.hf_model_name or f"{text.layers}x{text.width}"
        return f"{tower}, text {words}"


class PreprocessConfig(Strict):
    """How a picture becomes the tower's input: ``preprocess_cfg`` of an open_clip folder."""

    size: Side | Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    """Read and ignored, as open_clip does: the tower's own size counts."""
    mode: Literal["RGB"] = "RGB"
    mean: Annotated[list[Annotated[float, Field(ge=-2.0, le=2.0)]], Field(min_length=3, max_length=3)] = list(
        OPENAI_MEAN
    )
    std: Annotated[list[Annotated[float, Field(ge=0.01, le=4.0)]], Field(min_length=3, max_length=3)] = list(OPENAI_STD)
    interpolation: Literal["bicubic", "bilinear", "random"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: Annotated[int, Field(ge=0, le=255)] = 0


class FolderConfig(Strict):
    """``open_clip_config.json`` as a whole."""

    model_cfg: ModelConfig
    preprocess_cfg: PreprocessConfig = PreprocessConfig()


class Lineage(Strict):
    """``clip_audit.json``: what a checkpoint shares with its relatives, in its maker's words."""

    lineage: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=32)] = []
    trained_on: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=32)] = []


def parse_folder_config(path: Path) -> FolderConfig:
    """Return the checked configuration of an open_clip folder.

    Raises:
        RefusedProblem: If the file says anything that is not on the allow-list, or out of bounds.
    """
    return check(FolderConfig, without_nulls(read_json(path)), where=str(path))


def parse_model_config(model_cfg: Mapping[str, object], *, where: str = "model_cfg") -> ModelConfig:
    """Return a checked ``model_cfg``.

    Raises:
        RefusedProblem: As :func:`parse_folder_config`.
    """
    return check(ModelConfig, without_nulls(_plain(model_cfg)), where=where)


def check(kind: type[_Config], content: object, *, where: str) -> _Config:
    """Return ``content`` as a ``kind``.

    Raises:
        RefusedProblem: One sentence for each of the first few problems, with the reason where there is one.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = sorted(error.errors(include_url=False, include_context=False), key=_is_unexplained)
        problems = list({as_written(problem["loc"]): problem for problem in reversed(problems)}.values())[::-1]
        shown = "; ".join(_explain(problem) for problem in problems[:_MAX_SHOWN])
        more = f" (and {len(problems) - _MAX_SHOWN} more)" if len(problems) > _MAX_SHOWN else ""
        raise RefusedProblem(
            f"The configuration {where} is refused: {shown}{more}.",
            remedy=next(
                (_REMEDIES[sign] for sign in _REMEDIES if any(_bears(one, sign) for one in problems)), _UNKNOWN
            ),
        ) from error


def _is_unexplained(problem: Mapping[str, Any]) -> bool:
    return not any(step in REASONS for step in problem["loc"])


def _bears(problem: Mapping[str, Any], sign: str) -> bool:
    if problem["type"] == "missing":
        return sign == f"no {problem['loc'][-1]}"
    return sign in problem["loc"] or sign in str(problem["msg"])


def _explain(problem: Mapping[str, Any]) -> str:
    steps = as_written(problem["loc"])
    found = f" (found {ascii(problem['input'])[:60]})" if not isinstance(problem["input"], dict) else ""
    if problem["type"] == "extra_forbidden":
        message = "this key is not on the list of known keys"
    else:
        message = str(problem["msg"]).removeprefix("Value error, ")
    reason = next((REASONS[step] for step in steps if step in REASONS), "")
    where = ascii(".".join(steps))[1:161].rstrip("'") or "the top level"
    return f"`{where}`: {message}{found}" + (f" ({reason})" if reason else "")


_NULL_MEANS_SOMETHING: Final = frozenset(
    {"hf_pooler_type", "hf_proj_type", "patch_size", "proj_type", "timm_pool", "timm_proj"}
)
_OFF_BY_DEFAULT: Final = frozenset({"mask_image", "mask_text"})
"""Settings of forks that change nothing where they are false."""


_OLD_NAMES: Final[Mapping[str, str]] = {"proj": "hf_proj_type", "pooler_type": "hf_pooler_type"}
"""Names that settings of a text model of transformers had in older versions of open_clip."""


def without_nulls(content: object) -> object:
    """Return settings under their names of today, without those that are null where that is no choice of its own."""
    if not isinstance(content, Mapping):
        return content
    return {
        key: without_nulls(value)
        for key, value in _renamed(content).items()
        if (value is not None or key in _NULL_MEANS_SOMETHING) and not (key in _OFF_BY_DEFAULT and value is False)
    }


def _renamed(settings: Mapping[str, object]) -> Mapping[str, object]:
    """Return settings of a text model of transformers under their names of today.

    ``pooler_type = "cls_pooler"`` keeps its name and is refused: forks read BERT's last hidden state under it, and
    open_clip the output of its pooler.
    """
    if settings.get("hf_model_name") is None or settings.get("pooler_type") == "cls_pooler":
        return settings
    clear = {old: new for old, new in _OLD_NAMES.items() if new not in settings}
    return {clear.get(key, key): value for key, value in settings.items()}


def _plain(content: Mapping[str, object]) -> object:
    """Return mappings as dicts and tuples as lists, as JSON would give them."""

    def convert(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: convert(item) for key, item in value.items()}
        return [convert(item) for item in value] if isinstance(value, list | tuple) else value

    return convert(content)
