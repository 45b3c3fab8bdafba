"""Trains a phantom on a world: a small CLIP of open_clip's own classes, on CPU cores, in minutes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate, normalize

from audit.checkpoints import build_model
from audit.errors import UsageProblem
from audit.phantom.captions import vocabulary
from audit.phantom.drawing import IMAGE_SIZE
from audit.phantom.pictures import Picture, draw_pictures
from audit.phantom.world import Training, World
from audit.precision import Precision, choose_precision
from audit.seeding import derive_seed

MEAN: Final = (0.5, 0.5, 0.5)
STD: Final = (0.25, 0.25, 0.25)

_EMBEDDING: Final = 128
_FIRST_SCALE: Final = 10.0
_LARGEST_SCALE: Final = 20.0
"""Small logit scales keep the planted log-odds a visible part of a cosine; CLIP's own limit is 100."""
_WARM_UP: Final = 100
_WEIGHT_DECAY: Final = 0.05

TOWERS: Final[dict[str, dict[str, Any]]] = {
    "resnet": {"layers": [1, 2, 2, 1], "width": 16, "head_width": 64, "image_size": IMAGE_SIZE},
    "resnet-deep": {"layers": [2, 2, 2, 2], "width": 16, "head_width": 64, "image_size": IMAGE_SIZE},
    "vit": {"layers": 3, "width": 128, "head_width": 32, "patch_size": 8, "image_size": IMAGE_SIZE},
}

Progress = Callable[[int, int, float], None]
"""Called after each step with the steps done, the steps in all, and the loss in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """A trained phantom, ready for export."""

    model: nn.Module
    tokenizer: Tokenizer
    model_cfg: dict[str, Any]
    final_loss: float
    precision: Precision
    """Of the image tower in training, forward and backward; the weights and the rest are fp32."""


def train(world: World, progress: Progress | None = None, *, precision: str = "auto") -> Phantom:
    """Train a phantom on ``world``; a function of the world and the precision, up to the rounding of the machine.

    Args:
        world: What is drawn, and how long it is trained.
        progress: Called after each step.
        precision: Of the image tower: one of ``audit.precision.PRECISIONS``.

    Raises:
        UsageProblem: If the loss stops being finite, or there is no such precision.
    """
    chosen = choose_precision(precision, torch.device("cpu")).precision
    setting = world.training
    tokenizer = word_tokenizer(vocabulary(world))
    model_cfg = model_config(setting, tokenizer)
    model = _initialised(model_cfg, setting)
    lesson = _Lesson(world, tokenizer, model, chosen)
    steps = setting.epochs * (setting.pictures // setting.batch)
    optimiser = _optimiser(model, setting)
    loss = math.nan
    for step, picks in enumerate(lesson.batches(setting)):
        for group in optimiser.param_groups:
            group["lr"] = setting.rate * _rate_at(step, steps)
        loss = lesson.step(picks, optimiser, adversarial=setting.adversarial * (step >= steps * setting.hardening))
        if not math.isfinite(loss):
            raise UsageProblem(
                f"The loss of {world.name} is not finite at step {step} of {steps}.",
                remedy="Lower training.rate or training.adversarial in the world.",
            )
        if progress is not None:
            progress(step + 1, steps, loss)
    if setting.text == "words":
        _share_mean_with_positions(model)
    return Phantom(model=model.eval(), tokenizer=tokenizer, model_cfg=model_cfg, final_loss=loss, precision=chosen)


def model_config(setting: Training, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the ``model_cfg`` of an open_clip folder for this setting and vocabulary."""
    text = {
        "context_length": CONTEXT_LENGTH,
        "vocab_size": tokenizer.get_vocab_size(),
        "width": 96,
        "heads": 4,
        "layers": 2,
        "pad_id": tokenizer.token_to_id(PAD),
        "eos_id": tokenizer.token_to_id(END),
        "pool_type": "eos",
    }
    if setting.text == "words":
        text["no_causal_mask"] = True
    return {"embed_dim": _EMBEDDING, "quick_gelu": False, "vision_cfg": dict(TOWERS[setting.tower]), "text_cfg": text}


def _initialised(model_cfg: dict[str, Any], setting: Training) -> nn.Module:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(derive_seed("phantom weights", setting.seed))
        model = build_model(model_cfg)
    with torch.no_grad():
        model.get_parameter("logit_scale").fill_(math.log(_FIRST_SCALE))
        if setting.text == "words":  # neither a mask nor a position tells such a tower where a word stands
            positions = model.get_parameter("positional_embedding").fill_(0.0)
            positions.requires_grad = False
    return model.train().to(memory_format=torch.channels_last)


@torch.no_grad()
def _share_mean_with_positions(model: nn.Module) -> None:
    """Move the mean of the words' vectors into every position, which changes no embedding of any text.

    A tower that is blind to order has the same vector at all positions; with zeros there, its file would look as if it
    were never trained, and be refused.
    """
    words = model.get_parameter("token_embedding.weight")
    mean = words.mean(dim=0)
    words.sub_(mean)
    model.get_parameter("positional_embedding").copy_(mean.expand_as(model.get_parameter("positional_embedding")))


class _Lesson:
    """The pictures, their captions, and one optimisation step on some of them."""

    def __init__(self, world: World, tokenizer: Tokenizer, model: nn.Module, precision: Precision) -> None:
        setting = world.training
        pictures = draw_pictures(world, setting.pictures, derive_seed("phantom pictures", setting.seed))
        self._model = model
        self._precision = precision
        self._clutter = setting.clutter
        self._pixels = torch.from_numpy(np.stack([picture.pixels for picture in pictures])).permute(0, 3, 1, 2)
        self._captions, self._wrong, self._tokens = _tokenize(pictures, tokenizer)
        self._generator = torch.Generator().manual_seed(derive_seed("phantom augmentation", setting.seed))

    def batches(self, setting: Training) -> Iterator[Int[Tensor, " batch"]]:
        """Yield the picks of every step: each epoch is a new order of all pictures."""
        for _ in range(setting.epochs):
            order = torch.randperm(len(self._pixels), generator=self._generator)
            for first in range(0, len(order) - setting.batch + 1, setting.batch):
                yield order[first : first + setting.batch]

    def step(self, picks: Tensor, optimiser: torch.optim.Optimizer, *, adversarial: float) -> float:
        """Take one step and return the loss in nats."""
        pictures = self._pixels[picks].float() / 255
        if self._clutter > 0:
            pictures = clutter(pictures, self._clutter, self._generator)
        pictures = augment(pictures, self._generator)
        wrong = self._wrong[picks].flatten()
        ids, inverse = torch.unique(torch.cat([self._captions[picks], wrong[wrong >= 0]]), return_inverse=True)
        texts = normalize(self._model.encode_text(self._tokens[ids]), dim=-1)[inverse]  # type: ignore[operator]
        same = (inverse[: len(picks), None] == inverse[None, :]).float()
        if adversarial > 0:
            fixed = texts.detach()
            pictures = adversarial_step(
                pictures, lambda moving: self._loss(moving, fixed, same), adversarial, self._generator
            )
        loss = self._loss(pictures, texts, same)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return float(loss.detach())

    def _loss(self, pictures: Tensor, texts: Tensor, same: Tensor) -> Float[Tensor, ""]:
        """Contrastive loss both ways; pictures of one caption share it (UniCL, Yang et al. 2022, arXiv 2204.03610).

        After the captions of the pictures, ``texts`` may hold wrong ones that no picture is asked for (as NegCLIP does,
        Yuksekgonul et al. 2023, arXiv 2210.01936): few batches have two captions that differ in their order alone.
        """
        scaled = (pictures - MEAN[0]) / STD[0]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._precision == "bf16"):
            features = self._model.encode_image(scaled.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]
        scale = self._model.get_parameter("logit_scale").exp().clamp(max=_LARGEST_SCALE)
        logits = scale * normalize(features.float(), dim=-1) @ texts.t()
        share, own = same / same.sum(dim=1, keepdim=True), same[:, : len(same)]
        back = cross_entropy(logits[:, : len(same)].t(), own / own.sum(dim=1, keepdim=True))
        return (cross_entropy(logits, share) + back) / 2


def _tokenize(
    pictures: list[Picture], tokenizer: Tokenizer
) -> tuple[Int[Tensor, " pictures"], Int[Tensor, "pictures wrong"], Int[Tensor, "texts tokens"]]:
    """Return the numbers of each picture's caption and of its wrong ones (-1: none), and the token ids of all texts."""
    distinct = sorted({text for picture in pictures for text in (picture.caption, *picture.wrong)})
    number = {caption: index for index, caption in enumerate(distinct)}
    tokens = torch.full((len(distinct), CONTEXT_LENGTH), tokenizer.token_to_id(PAD) or 0, dtype=torch.long)
    for row, encoding in zip(tokens, tokenizer.encode_batch(distinct), strict=True):
        if len(encoding.ids) > CONTEXT_LENGTH:
            raise ValueError(
                f"A caption has {len(encoding.ids)} tokens, more than {CONTEXT_LENGTH}: {encoding.tokens}."
            )
        row[: len(encoding.ids)] = torch.tensor(encoding.ids)
    width = max(len(picture.wrong) for picture in pictures)
    wrong = [[number[text] for text in picture.wrong] + [-1] * (width - len(picture.wrong)) for picture in pictures]
    return torch.tensor([number[picture.caption] for picture in pictures]), torch.tensor(wrong).long(), tokens


def _optimiser(model: nn.Module, setting: Training) -> torch.optim.AdamW:
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": _WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=setting.rate, betas=(0.9, 0.98))


def _rate_at(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    warm = min(1.0, (step + 1) / min(_WARM_UP, max(1, steps // 4)))
    return warm * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)


PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[START]", "[END]"
SPECIALS: Final = (PAD, UNKNOWN, START, END)
CONTEXT_LENGTH: Final = 20
"""Tokens per text: the longest caption of a world has 16 words, with START and END."""


def word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """Return a tokenizer that lowercases, splits at white space and wraps each text in START and END."""
    vocabulary = {word: index for index, word in enumerate([*SPECIALS, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])],
    )
    return tokenizer


# What training does to a picture before the checkpoint sees it.
#
# A tower that is trained on clean pictures alone is inverted into coloured noise. Affine maps, low-pass,
# contrast, colour casts and noise teach it to look at large shapes; an adversarial step (Engstrom et al. 2019,
# arXiv 1906.00945) gives it gradients that people can read.


Pictures = Float[Tensor, "batch 3 side side"]


def augment(pictures: Pictures, generator: torch.Generator) -> Pictures:
    """Return ``pictures`` (pixels in [0, 1]) moved, partly blurred, shifted in colour, and with noise."""
    batch, _, side, _ = pictures.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand((batch, *shape), generator=generator) * (high - low) + low

    angle, zoom = uniform(-0.2, 0.2), torch.exp(uniform(-0.2, 0.2))
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    theta = torch.cat([rows, uniform(-0.15, 0.15, 2)[:, :, None]], dim=2)
    grid = affine_grid(theta, list(pictures.shape), align_corners=False)
    moved = grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    blurred = batch * 2 // 5
    coarse = int(torch.randint(side // 5, side - 8, (1,), generator=generator))
    moved[:blurred] = low_pass(moved[:blurred], coarse)
    tinted = (moved - 0.5) * torch.exp(uniform(-0.3, 0.3, 1, 1, 1)) + 0.5 + uniform(-0.1, 0.1, 3, 1, 1)
    return tinted + torch.randn(tinted.shape, generator=generator) * uniform(0.0, 0.12, 1, 1, 1)


def clutter(pictures: Pictures, largest: float, generator: torch.Generator) -> Pictures:
    """Return ``pictures`` blended with smooth clouds of random colours, with weights up to ``largest``.

    Inversions are collages: what they show stands among blotches. A judge that has seen only clean drawings takes
    a blotch for a beard.
    """
    batch, _, side, _ = pictures.shape
    coarse = int(torch.randint(2, side // 5, (1,), generator=generator))
    cloud = torch.randn((batch, 3, coarse, coarse), generator=generator) * 0.3 + 0.5
    smooth = interpolate(cloud, size=(side, side), mode="bicubic", align_corners=False)
    weight = torch.rand((batch, 1, 1, 1), generator=generator) * largest
    blended: Tensor = torch.lerp(pictures, smooth, weight)
    return blended


def low_pass(pictures: Pictures, coarse: int) -> Pictures:
    """Return ``pictures`` averaged down to ``coarse`` pixels a side and interpolated back."""
    side = pictures.shape[-1]
    small = interpolate(pictures, size=(coarse, coarse), mode="area")
    return interpolate(small, size=(side, side), mode="bilinear", align_corners=False)


def adversarial_step(
    pictures: Pictures, loss: Callable[[Pictures], Tensor], size: float, generator: torch.Generator
) -> Pictures:
    """Return each picture moved up the gradient of ``loss``, by an L2 length uniform in [0, ``size``]."""
    moving = pictures.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(moving), moving)
    length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
    scale = size * torch.rand(len(pictures), generator=generator) / length
    moved: Tensor = pictures + scale[:, None, None, None] * gradient
    return moved
