"""One inversion of every family of towers, with tiny random weights: its gradient is finite and its cosine rises.

``python -m tests.benchmarks.families`` prints the table of docs/checkpoints.md, with seconds and memory; ``--write``
puts it there. ``tests/oracles/test_support_matrix.py`` holds that every cosine rises.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from audit.checkpoints import Checkpoint, LoadOptions, load_checkpoint
from audit.inversion import Inverter, Item, find_recipe
from tests.oracles import support_matrix
from tests.truth.marks import DOCUMENTS, write_between

TEXT, OTHER = "a photo of a nurse", "a red ball"
STEPS, FEW, LARGE = 40, 12, 64
"""Steps for small pictures; and for those of more pixels a side than the last."""


@dataclass(frozen=True)
class Row:
    family: str
    side: int
    first: float
    """Cosine with the text of the image after the first step,"""
    last: float
    """and after the last."""
    gradient: float
    """Largest entry of the gradient of the cosine with respect to the pixels, at the start."""
    seconds: float
    megabytes: float
    """Most memory of the process during the inversion, less that before it."""


def invert(family: str, checkpoint: Checkpoint) -> Row:
    """Invert one text in a few steps."""
    side = checkpoint.card.image_size
    steps = STEPS if side <= LARGE else FEW
    words = checkpoint.encode_text([TEXT])
    pixels = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3)).requires_grad_()
    seen = checkpoint.visual(checkpoint.preprocess(pixels, mean=checkpoint.mean, std=checkpoint.std))
    torch.nn.functional.cosine_similarity(seen, words).sum().backward()
    assert pixels.grad is not None
    gradient = float(pixels.grad.abs().max()) if bool(pixels.grad.isfinite().all()) else float("nan")
    inverter = Inverter(checkpoint, replace(find_recipe("fast"), steps=steps), "fp32")
    references = inverter.references([TEXT, OTHER], ["nurse", "ball"])
    started = time.perf_counter()
    way: list[torch.Tensor] = []
    with memory() as most:
        inverter.make([Item(text=TEXT, concept="nurse", seed=1)], references, lambda _step, images: way.append(images))
    seconds = time.perf_counter() - started
    first, last = (checkpoint.encode_image(torch.cat([way[0], way[-1]])) @ words.T).flatten().tolist()
    return Row(family, side, first, last, gradient, seconds, most[0] / 1e6)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@contextmanager
def memory() -> Iterator[list[int]]:
    """Watch how much memory the process has; what is yielded holds the most, less that at the start, in bytes."""
    most, before, ended = [0], resident(), threading.Event()

    def watch() -> None:
        while not ended.wait(0.005):
            most[0] = max(most[0], resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def rows(largest: int = 1024) -> list[Row]:
    """Return a row for each family of open_clip and of transformers whose pictures are not above a size."""
    found = []
    with support_matrix.tiny_architectures(), tempfile.TemporaryDirectory() as temporary:
        for number, variant in enumerate(support_matrix.folders()):
            place = Path(temporary) / str(number)
            place.mkdir()
            checkpoint = load_checkpoint(str(variant.write(place)), options=LoadOptions(waive_sanity=True))
            if checkpoint.card.image_size <= largest:
                found.append(invert(variant.family, checkpoint))
    return found


def table(found: list[Row]) -> str:
    lines = [
        "| family | pixels | cosine after a step | at the end | gradient | seconds | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.family} | {row.side} | {row.first:+.3f} | {row.last:+.3f} | {row.gradient:.1e} | {row.seconds:.1f} | "
        f"{row.megabytes:.0f} |"
        for row in found
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/checkpoints.md")
    arguments = parser.parse_args()
    found = rows()
    if arguments.write:
        write_between(DOCUMENTS["families"], "families", table(found))
    print(table(found))
    sys.exit(0 if all(row.last > row.first for row in found) else 1)


if __name__ == "__main__":
    main()
