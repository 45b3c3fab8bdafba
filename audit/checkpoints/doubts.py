"""What speaks against a checkpoint being read as its maker meant it, though it passes the gate.

A wrong normalisation or activation, or a part that was never trained, loads without complaint. Each is looked for with
what there is: a few drawn pictures with their captions, and the weights themselves, which may hold statistics of the
pictures that they were trained on. What is found is a doubt, and said aloud; what these means can't see,
docs/checkpoints.md says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from open_clip.transformer import QuickGELU
from torch import Tensor, nn
from torch.nn import functional
from transformers.activations import GELUActivation, QuickGELUActivation

from audit.checkpoints.checkpoint import Checkpoint
from audit.checkpoints.config import OPENAI_MEAN, OPENAI_STD

NORMALISATIONS: Final[Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "OpenAI's": (OPENAI_MEAN, OPENAI_STD),
    "SigLIP's": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "MobileCLIP's": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
"""Mean and standard deviation of every published set of weights of open_clip is one of these."""

CLEARLY: Final = 1.25
"""How many times as far apart another reading must hold right and wrong captions, to be called better. Over all
phantoms, read rightly, no other normalisation or activation exceeds 1.08."""

NEARER: Final = 2.0
"""How many times as near to the statistics that a tower kept of training pictures must lie under another reading, to be
named. Over all phantoms and three published networks, read rightly, no other normalisation exceeds 1.04."""

_GELU: Final = (nn.GELU, GELUActivation)
_QUICK: Final = (QuickGELU, QuickGELUActivation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Pictures and their captions as a checkpoint reads them."""

    images: Float[Tensor, "pair embedding"]
    """Of unit length, as ``words``."""
    words: Float[Tensor, "pair embedding"]
    moments: Float[Tensor, "pair 2 channel"] | None
    """Mean and mean square of each picture where the tower first normalises by what it kept of training."""

    @property
    def cosines(self) -> Float[Tensor, "pair pair"]:
        """Cosine of every picture, in rows, with every caption."""
        return self.images @ self.words.T

    def first(self, count: int) -> Embedded:
        """Return the first pairs of these."""
        moments = None if self.moments is None else self.moments[:count]
        return Embedded(images=self.images[:count], words=self.words[:count], moments=moments)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReading:
    """A way of reading the checkpoint other than the stated one."""

    words: str
    """What differs, for people; continues "read with"."""
    remedy: str
    pairs: Embedded


@torch.no_grad()
def other_readings(
    checkpoint: Checkpoint, pictures: Float[Tensor, "pair 3 height width"], captions: Sequence[str], stated: Embedded
) -> list[OtherReading]:
    """Return how a few pairs are read under every other normalisation, and with the other activation.

    Args:
        checkpoint: What is asked.
        pictures: RGB in [0, 1].
        captions: Of each picture.
        stated: How the checkpoint reads these pairs as it is stated; nothing of it is computed again.
    """
    others = [*_other_normalisations(checkpoint, pictures, stated)]
    with other_activation(checkpoint) as changed:
        if changed:
            others.append(_other_activation(checkpoint, pictures, captions, stated))
    return others


def better_reading(stated: Embedded, others: Sequence[OtherReading]) -> OtherReading | None:
    """Return the reading that tells right from wrong captions best, if it is clearly better than ``stated``."""
    best = max(others, key=lambda other: margin(other.pairs.cosines), default=None)
    least = CLEARLY * max(margin(stated.cosines), 0.0)
    return best if best is not None and margin(best.pairs.cosines) > least else None


def nearer_reading(
    tower: nn.Module, stated: Embedded, others: Sequence[OtherReading]
) -> tuple[OtherReading, float] | None:
    """Return the reading nearest to the statistics of training, if it is clearly nearer than ``stated``, and how much.

    ``None``, too, where a tower keeps no such statistics, as transformers do.
    """
    if stated.moments is None:
        return None
    far = [(misfit(tower, other.pairs.moments), other) for other in others if other.pairs.moments is not None]
    least, nearest = min(far, key=lambda one: one[0])
    times = misfit(tower, stated.moments) / max(least, _LEAST_MISFIT)
    return (nearest, times) if times > NEARER else None


_LEAST_MISFIT: Final = 0.01
"""In nats: what lies nearer than that is as near as can be told from a few pictures."""


def misfit(tower: nn.Module, moments: Float[Tensor, "pair 2 channel"]) -> float:
    """Return how far pictures lie from the statistics that the first batch norm of a tower keeps, in nats.

    It is the divergence (Kullback and Leibler 1951) of a normal distribution with the pictures' mean and variance from
    one with the kept ones, at the median channel; channels that were never used say nothing then.
    """
    norm = _first_norm(tower)
    if norm is None or norm.running_mean is None or norm.running_var is None:
        raise ValueError("The tower keeps no statistics.")
    mean, square = moments.mean(dim=0)
    kept = norm.running_var + norm.eps
    ratio = ((square - mean.square()) / kept).clamp_min(1e-8)
    far = 0.5 * (ratio + (mean - norm.running_mean).square() / kept - 1.0 - ratio.log())
    return float(far.median())


def _first_norm(tower: nn.Module) -> nn.BatchNorm2d | None:
    norms = (part for part in tower.modules() if isinstance(part, nn.BatchNorm2d))
    return next((norm for norm in norms if norm.running_mean is not None), None)


def _other_normalisations(checkpoint: Checkpoint, pictures: Tensor, stated: Embedded) -> Iterator[OtherReading]:
    for name, (mean, std) in NORMALISATIONS.items():
        means, stds = (torch.tensor(value, device=checkpoint.device) for value in (mean, std))
        if torch.allclose(means, checkpoint.mean, atol=1e-3) and torch.allclose(stds, checkpoint.std, atol=1e-3):
            continue
        images, moments = look(checkpoint, pictures, means, stds)
        yield OtherReading(
            words=f"{name} mean {in_words(mean)} and standard deviation {in_words(std)}",
            remedy="State these in its configuration (or with --preprocess FILE.json) if its maker did.",
            pairs=Embedded(images=functional.normalize(images, dim=-1), words=stated.words, moments=moments),
        )


def _other_activation(
    checkpoint: Checkpoint, pictures: Tensor, captions: Sequence[str], stated: Embedded
) -> OtherReading:
    """Read with the activation that is set already; a tower without one stays as it was read."""
    images = stated.images
    if any(isinstance(part, (*_GELU, *_QUICK)) for part in checkpoint.visual.modules()):
        images = functional.normalize(look(checkpoint, pictures, checkpoint.mean, checkpoint.std)[0], dim=-1)
    words = functional.normalize(hear(checkpoint, captions), dim=-1)
    return OtherReading(
        words="GELU instead of QuickGELU" if checkpoint.card.quick_gelu else "QuickGELU instead of GELU",
        remedy="Name the architecture with the other activation (-quickgelu or not; quick_gelu or hidden_act in its "
        "configuration) if its maker did.",
        pairs=Embedded(images=images, words=words, moments=None),
    )


def margin(cosines: Float[Tensor, "pair pair"]) -> float:
    """Return how far matched cosines, the diagonal, lie above the others of their rows and columns, on average.

    Example:
        >>> margin(torch.eye(3))
        1.0
    """
    count = len(cosines)
    matched = float(cosines.diagonal().sum())
    return matched / count - (float(cosines.sum()) - matched) / (count * (count - 1))


@contextmanager
def other_activation(checkpoint: Checkpoint) -> Iterator[int]:
    """Compute with QuickGELU where the checkpoint has GELU, or the other way round; yield at how many places.

    QuickGELU is x * sigmoid(1.702 x) (Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2).
    """
    stated = _QUICK if checkpoint.card.quick_gelu else _GELU
    other = functional.gelu if checkpoint.card.quick_gelu else _quick_gelu
    places = [part for part in checkpoint.model.modules() if isinstance(part, stated)]
    with ExitStack() as hooks:
        for place in places:
            hook = place.register_forward_hook(lambda _place, given, _result: other(given[0]))
            hooks.callback(hook.remove)
        yield len(places)


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def look(
    checkpoint: Checkpoint, pictures: Tensor, mean: Tensor, std: Tensor
) -> tuple[Float[Tensor, "picture embedding"], Float[Tensor, "picture 2 channel"] | None]:
    """Return the embeddings of pictures under a normalisation, and their moments as in :class:`Embedded`."""
    norm = _first_norm(checkpoint.visual)
    seen: list[Tensor] = []

    def note(_norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        channels = given[0].float().flatten(2)
        seen.append(torch.stack([channels.mean(dim=2), channels.square().mean(dim=2)], dim=1))

    hook = None if norm is None else norm.register_forward_pre_hook(note)
    try:
        pixels = checkpoint.preprocess(pictures.to(checkpoint.device), mean=mean, std=std)
        images: Tensor = checkpoint.visual(pixels)
    finally:
        if hook is not None:
            hook.remove()
    return images.float(), seen[0] if seen else None


def hear(checkpoint: Checkpoint, captions: Sequence[str]) -> Float[Tensor, "caption embedding"]:
    """Return the embeddings of captions."""
    tokens = checkpoint.tokenizer.encode(captions).to(checkpoint.device)
    embeddings: Tensor = checkpoint.model.encode_text(tokens)  # type: ignore[operator]
    return embeddings.float()


def in_words(values: Sequence[float]) -> str:
    """Return a mean or a standard deviation, one number a channel, as people read it."""
    return " ".join(f"{value:.4g}" for value in values)


_BLOCK: Final = re.compile(r"(.*?\.(?:\d+\.)+)[a-zA-Z_]")
_LEAST_MATRICES: Final = 3
_LEAST_SIDE: Final = 32
_ROUNDS: Final = 30


@torch.no_grad()
def untrained_blocks(model: nn.Module) -> list[str]:
    """Return the blocks of which every matrix looks like independent random numbers, as before training or shuffled.

    A block is the parameters under one number (``resblocks.3.``) with at least three matrices of 32 a side. Independent
    entries of spread s have a largest singular value near s (sqrt m + sqrt n) (Marchenko and Pastur 1967), and rows and
    columns of nearly one length; training leaves marks in both. What is allowed beyond is four standard deviations of
    the scatter of the lengths, and the scale on which a largest singular value moves (Johnstone 2001). One matrix may
    look so after training (a few of the phantoms do); no whole block of the phantoms does.
    """
    blocks: dict[str, list[Tensor]] = {}
    for name, tensor in model.named_parameters():
        found = _BLOCK.match(name)
        if found is not None and tensor.ndim >= 2 and min(len(tensor), tensor.numel() // len(tensor)) >= _LEAST_SIDE:
            blocks.setdefault(found[1], []).append(tensor)
    return [
        name.rstrip(".")
        for name, matrices in blocks.items()
        if len(matrices) >= _LEAST_MATRICES and all(looks_random(matrix) for matrix in matrices)
    ]


def looks_random(matrix: Tensor) -> bool:
    """Tell whether rows, columns and largest direction of a matrix are those of independent random numbers."""
    flat = matrix.detach().reshape(len(matrix), -1).float()
    flat = flat - flat.mean()
    rows, columns = flat.shape
    squares = flat.square()
    spread = float(squares.mean())
    fourth = float(squares.square().mean()) / spread**2 - 1.0
    for lengths, others in ((squares.mean(dim=1), columns), (squares.mean(dim=0), rows)):
        scatter = float(lengths.var()) / spread**2 * others / fourth  # 1 for independent entries
        if scatter > 1.0 + 4.0 * math.sqrt(2.0 / len(lengths)):
            return False
    direction = torch.ones(columns, 1, device=flat.device) + torch.arange(columns, device=flat.device)[:, None].cos()
    for _ in range(_ROUNDS):  # power iteration
        direction = functional.normalize(flat.T @ (flat @ direction), dim=0)
    largest = float((flat @ direction).norm())
    edge = math.sqrt(spread) * (math.sqrt(rows) + math.sqrt(columns))
    return bool(largest < edge * (1.0 + 1.2 * min(rows, columns) ** (-2 / 3)))
