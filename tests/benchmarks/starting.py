"""How long a checkpoint takes to be refused or ready, beside what open_clip alone takes to load the same file.

    python -m tests.benchmarks.starting --arch ViT-B-32 --repeats 3

Random weights of full size are written into a temporary folder. In turns, open_clip.create_model loads them, and
load_checkpoint reads, checks, hashes and tries them, to the end: random weights tell no picture by its caption, and are
refused before their file is hashed. With --ready they bear marks of training (rows of unequal length) and are let pass,
so that what a sound checkpoint goes through is timed; the first turn hashes the file, later ones know its digest.
Prints seconds by the clock, and seconds of the processor, which other jobs on the machine change less.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import open_clip
import torch
from safetensors.torch import save_file

from audit.checkpoints import known_digests, load_checkpoint, sanity
from audit.errors import RefusedProblem

MOST_TIMES = 8.0
"""What refused or ready may take, in times of open_clip alone."""


def main() -> int:
    """Measure, print, and return 1 where it takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ready", action="store_true", help="let random weights pass the gate")
    given = parser.parse_args()
    if given.ready:
        sanity.LEAST_RANKING = 0.0  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        folder = write_random(given.arch, Path(name) / "checkpoint", marked=given.ready)
        time.sleep(known_digests.SETTLED_NS / 1e9 + 0.1)
        weights = folder / "open_clip_model.safetensors"
        times = [
            (timed(lambda: open_clip.create_model(given.arch, pretrained=str(weights))), timed(lambda: start(folder)))
            for _ in range(given.repeats)
        ]
    print(f"{given.arch}, {torch.get_num_threads()} threads, {'ready' if given.ready else 'refused'}:")
    worst = 0.0
    for clock in ("clock", "processor"):
        alone, ours = zip(*((getattr(one, clock), getattr(other, clock)) for one, other in times), strict=True)
        least, later = median(alone), median(ours[1:] or ours)
        first, again = ours[0] / least, later / least
        print(f"  by the {clock}: open_clip alone {least:.2f} s, median of {len(alone)}")
        print(f"  ours {ours[0]:.2f} s at first ({first:.1f} times), {later:.2f} s again ({again:.1f} times)")
        worst = max(first, again)
    return int(worst > MOST_TIMES)


def write_random(arch: str, folder: Path, *, marked: bool) -> Path:
    """Write a folder of open_clip with random weights, with or without marks of training, and return it."""
    folder.mkdir()
    state = open_clip.create_model(arch).state_dict()
    for tensor in state.values() if marked else ():
        if tensor.ndim > 1:
            tensor.mul_(torch.linspace(0.5, 1.5, len(tensor)).reshape(-1, *[1] * (tensor.ndim - 1)))
    save_file(state, folder / "open_clip_model.safetensors")
    told = {"model_cfg": open_clip.get_model_config(arch)}
    (folder / "open_clip_config.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def start(folder: Path) -> None:
    """Load a checkpoint, and take a refusal for an answer."""
    try:
        load_checkpoint(str(folder))
    except RefusedProblem:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What something took, in seconds."""

    clock: float
    processor: float
    """Of all threads together."""


def timed(act: Callable[[], object]) -> Taken:
    """Return the seconds that something takes."""
    clock, processor = time.perf_counter(), time.process_time()
    act()
    return Taken(clock=time.perf_counter() - clock, processor=time.process_time() - processor)


if __name__ == "__main__":
    raise SystemExit(main())
