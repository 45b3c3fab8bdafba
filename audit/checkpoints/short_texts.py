"""Short texts through a text tower without the padding behind them, where that gives the same embeddings.

A tower that reads from left to right takes its embedding at the end of the text: what comes behind it changes nothing,
and takes most of the time. Whether a tower is of that kind is measured on its own texts, never taken from its name.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

_SAME: Final = 1e-5
"""Largest difference of embeddings of unit length that rounding makes."""
_TRIED: Final = 8
_FEWER: Final = 2
"""So many times fewer tokens at least, or it is not worth the trial."""
_TAKES_SHORT: Final[WeakKeyDictionary[nn.Module, bool]] = WeakKeyDictionary()


class _TextTower(nn.Module):
    """What turns token ids into embeddings, as a module of its own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(  # type: ignore[explicit-override]
        self, ids: Int64[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return embeddings, not of unit length."""
        embeddings: Tensor = self.model.encode_text(ids)  # type: ignore[operator]
        return embeddings


def lengths(ids: Int64[Tensor, "batch context"]) -> Int64[Tensor, " batch"]:
    """Return how many tokens of each row are needed: those of the text, and one of the padding where there is any.

    Example:
        >>> lengths(torch.tensor([[1, 7, 2, 0, 0], [1, 7, 2, 2, 2], [1, 7, 7, 7, 2]])).tolist()
        [4, 3, 5]
    """
    differs = ids != ids[:, -1:]
    places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    return torch.clamp((differs * places).amax(dim=1) + 1, max=ids.shape[1])


def encode_short(model: nn.Module, ids: Int64[Tensor, "batch context"]) -> Float[Tensor, "batch embedding"]:
    """Return embeddings, not of unit length: of the tokens that are needed, or of all where the padding counts.

    Args:
        model: With ``encode_text``.
        ids: Of texts that are about as long as each other, padded to the context.
    """
    needed = int(lengths(ids).max())
    if needed * _FEWER > ids.shape[1] or not _takes_short(model, ids):
        whole: Tensor = model.encode_text(ids)  # type: ignore[operator]
        return whole
    return _encode(model, ids[:, :needed])


def _takes_short(model: nn.Module, ids: Tensor) -> bool:
    """Tell whether a tower embeds some texts the same without their padding; tried once for each tower."""
    if model not in _TAKES_SHORT:
        tried = ids[:_TRIED]
        whole: Tensor = model.encode_text(tried)  # type: ignore[operator]
        try:
            short = _encode(model, tried[:, : int(lengths(tried).max())])
        except (RuntimeError, ValueError, IndexError):  # a tower that takes its whole context only
            _TAKES_SHORT[model] = False
        else:
            apart = functional.normalize(whole.float(), dim=-1) - functional.normalize(short.float(), dim=-1)
            _TAKES_SHORT[model] = bool(apart.abs().max() < _SAME)
    return _TAKES_SHORT[model]


def _encode(model: nn.Module, ids: Tensor) -> Tensor:
    """Embed ids of fewer tokens than the context, with what belongs to its first places."""
    tokens = ids.shape[1]
    tower = _TextTower(model)
    held = {**dict(tower.named_parameters()), **dict(tower.named_buffers())}
    cut = {
        name: held[name][:tokens] if name.endswith("embedding") else held[name][:tokens, :tokens]
        for prefix in ("model", "model.text")
        for name in (f"{prefix}.positional_embedding", f"{prefix}.attn_mask")
        if name in held and held[name].ndim == 2
    }
    embeddings: Tensor = functional_call(tower, cut, (ids,))
    return embeddings
