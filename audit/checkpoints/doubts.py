"""What speaks against a checkpoint being read as its maker meant it, though it passes the gate.

A wrong normalisation or activation, or a part that was never trained, loads without complaint. Each is looked for with
what there is: a few drawn pictures with their captions, and the weights themselves. What is found is a doubt, and said
aloud; what these means can't see, docs/checkpoints.md says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

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

_GELU: Final = (nn.GELU, GELUActivation)
_QUICK: Final = (QuickGELU, QuickGELUActivation)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReading:
    """A way of reading the checkpoint other than the stated one."""

    words: str
    """What differs, for people; continues "read with"."""
    remedy: str
    margin: float
    """How much nearer a picture lies to its own caption than to the others, in cosines, on average."""
    cosines: Float[Tensor, "pair pair"]


def better_reading(
    checkpoint: Checkpoint, pictures: Float[Tensor, "pair 3 height width"], captions: Sequence[str]
) -> OtherReading | None:
    """Return the reading that tells right from wrong captions best, if it is clearly better than the stated one."""
    with torch.no_grad():
        tokens = checkpoint.tokenizer.encode(captions).to(checkpoint.device)
        words = functional.normalize(_text(checkpoint, tokens), dim=-1)
        stated = margin(_look(checkpoint, pictures, checkpoint.mean, checkpoint.std) @ words.T)
        others = list(_other_readings(checkpoint, pictures, tokens, words))
    best = max(others, key=lambda other: other.margin, default=None)
    return best if best is not None and best.margin > CLEARLY * max(stated, 0.0) else None


def _other_readings(checkpoint: Checkpoint, pictures: Tensor, tokens: Tensor, words: Tensor) -> Iterator[OtherReading]:
    for name, (mean, std) in NORMALISATIONS.items():
        means, stds = (torch.tensor(value, device=checkpoint.device) for value in (mean, std))
        if torch.allclose(means, checkpoint.mean, atol=1e-3) and torch.allclose(stds, checkpoint.std, atol=1e-3):
            continue
        cosines = _look(checkpoint, pictures, means, stds) @ words.T
        yield OtherReading(
            words=f"{name} mean {in_words(mean)} and standard deviation {in_words(std)}",
            remedy="State these in its configuration (or with --preprocess FILE.json) if its maker did.",
            margin=margin(cosines),
            cosines=cosines,
        )
    with other_activation(checkpoint) as changed:
        if changed:
            texts = functional.normalize(_text(checkpoint, tokens), dim=-1)
            cosines = _look(checkpoint, pictures, checkpoint.mean, checkpoint.std) @ texts.T
            yield OtherReading(
                words="GELU instead of QuickGELU" if checkpoint.card.quick_gelu else "QuickGELU instead of GELU",
                remedy="Name the architecture with the other activation (-quickgelu or not; quick_gelu or hidden_act "
                "in its configuration) if its maker did.",
                margin=margin(cosines),
                cosines=cosines,
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


def _look(checkpoint: Checkpoint, pictures: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    pixels = checkpoint.preprocess(pictures.to(checkpoint.device), mean=mean, std=std)
    return functional.normalize(checkpoint.visual(pixels).float(), dim=-1)


def _text(checkpoint: Checkpoint, tokens: Tensor) -> Tensor:
    model: Any = checkpoint.model
    embeddings: Tensor = model.encode_text(tokens)
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
