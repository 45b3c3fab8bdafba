"""The images of an arm: made in batches, kept one file per prompt and seed, so that a stopped bench goes on."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from audit.checkpoints import Checkpoint
from audit.inversion import batch_size, loop
from audit.inversion.fast_copy import fast_copy
from audit.inversion.loop import Tower, invert
from audit.records import Prompt
from audit.seeding import derive_seed
from tests.benchmarks.arms import Arm
from tests.benchmarks.checkpoints import Say

_MADE_BY: Final = "made_by.txt"
_CODE: Final = Path(loop.__file__).parent
_NO_MATTER: Final = frozenset({"recipe.py", "quality.py", "__init__.py"})
"""Files of that folder that do not decide a pixel: settings are in a recipe's own digest."""


def image_seed(prompt: Prompt, replicate: int) -> int:
    """Return the seed of one image: the same for every arm and checkpoint, so that they are compared in pairs."""
    return derive_seed("bench", prompt.text, replicate)


class ImageStore:
    """The images of one arm on one checkpoint, in one precision."""

    def __init__(self, out: Path, checkpoint: Checkpoint, arm: Arm) -> None:
        self.checkpoint = checkpoint
        self.arm = arm
        self.precision = arm.recipe.choose_precision("auto", checkpoint.device).precision
        name = f"{arm.name}-{arm.recipe.digest}-{self.precision}"
        self.folder = out / "images" / checkpoint.card.digest[:12] / name

    def path(self, prompt: Prompt, replicate: int) -> Path:
        """Return where the images of one prompt and replicate lie."""
        return self.folder / f"{prompt.prompt_id}-{replicate}.npz"

    def load(self, prompts: Sequence[Prompt], seeds: int) -> UInt8[np.ndarray, "prompts seeds kept 3 side side"]:
        """Return all images; each has to be there."""
        return np.stack([np.stack([self._read(self.path(prompt, one)) for one in range(seeds)]) for prompt in prompts])

    def missing(self, prompts: Sequence[Prompt], seeds: int) -> list[tuple[Prompt, int]]:
        """Return prompt and replicate of every image that is not there yet."""
        jobs = [(prompt, replicate) for prompt in prompts for replicate in range(seeds)]
        return [job for job in jobs if not self.path(*job).exists()]

    def fill(self, prompts: Sequence[Prompt], seeds: int, say: Say) -> None:
        """Make what is missing, batch after batch."""
        jobs = self.missing(prompts, seeds)
        if not jobs:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sign(say)
        size = self.checkpoint.card.image_size
        at_once = batch_size(dataclasses.replace(self.arm.recipe, together=0), size, self.checkpoint.device)
        tower = fast_tower(self.checkpoint, self.precision)
        texts = list(dict.fromkeys(prompt.text for prompt, _ in jobs))
        targets = {text: self.checkpoint.encode_text([text])[0] for text in texts}
        start, done = time.monotonic(), 0
        for first in range(0, len(jobs), at_once):
            part = jobs[first : first + at_once]
            stacked = torch.stack([targets[prompt.text] for prompt, _ in part])
            seeds_of = [image_seed(prompt, replicate) for prompt, replicate in part]
            for job, images in zip(part, kept_images(tower, stacked, seeds_of, self.arm), strict=True):
                self._write(self.path(*job), images.numpy())
            done += len(part)
            each = (time.monotonic() - start) / done
            left = f", {each * (len(jobs) - done) / 60:.0f} min left" if done < len(jobs) else ""
            say(f"  {self.arm.name}: {done} of {len(jobs)} images, {each:.2f} s each{left}")

    def _sign(self, say: Say) -> None:
        """Write down which code makes these images, and warn where some were made by another."""
        files = sorted(path for path in _CODE.glob("*.py") if path.name not in _NO_MATTER)
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
        place = self.folder / _MADE_BY
        if place.exists() and place.read_text(encoding="utf-8") != digest and any(self.folder.glob("*.npz")):
            say(f"  {self.folder} holds images that an earlier version of the code made; remove it to make them anew.")
        place.write_text(digest, encoding="utf-8")

    @staticmethod
    def _read(path: Path) -> UInt8[np.ndarray, "kept 3 side side"]:
        with np.load(path, allow_pickle=False) as archive:
            return archive["images"]

    @staticmethod
    def _write(path: Path, images: UInt8[np.ndarray, "kept 3 side side"]) -> None:
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(partial, images=images)
        partial.replace(path)


def fast_tower(checkpoint: Checkpoint, precision: str) -> Tower:
    """Return the tower as an audit uses it."""
    dtype = _dtype(precision)
    return _tower(checkpoint, fast_copy(checkpoint.visual, dtype), dtype)


def plain_tower(checkpoint: Checkpoint, precision: str = "fp32") -> Tower:
    """Return the tower as the checkpoint has it, nothing folded and nothing trimmed."""
    dtype = _dtype(precision)
    return _tower(checkpoint, copy.deepcopy(checkpoint.visual).to(dtype), dtype)


def _dtype(precision: str) -> torch.dtype:
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _tower(checkpoint: Checkpoint, visual: nn.Module, dtype: torch.dtype) -> Tower:
    return Tower(visual=visual, mean=checkpoint.mean, std=checkpoint.std, size=checkpoint.card.image_size, dtype=dtype)


def kept_images(
    tower: Tower, targets: Tensor, seeds: Sequence[int], arm: Arm
) -> UInt8[Tensor, "batch kept 3 side side"]:
    """Return the images after each kept step, clamped and in 8 bits, as they are scored."""
    frames: dict[int, Tensor] = {}

    def watch(step: int, images: Tensor) -> None:
        if step in arm.kept:
            frames[step] = eight_bit(images)

    frames[arm.recipe.steps] = eight_bit(invert(tower, targets, seeds, arm.recipe, watch))
    return torch.stack([frames[step] for step in arm.kept], dim=1)


def eight_bit(images: Tensor) -> UInt8[Tensor, "batch 3 side side"]:
    """Return pixels in [0, 1] as 8-bit numbers; what is not finite becomes mid-grey."""
    return (torch.nan_to_num(images.detach(), nan=0.5).clamp(0.0, 1.0) * 255).round().to(torch.uint8).cpu()
