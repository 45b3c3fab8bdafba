"""How long a checkpoint takes to be refused or ready, beside what open_clip alone takes to load the same file.

    python -m tests.benchmarks.starting --arch ViT-B-32 --repeats 3

Random weights of full size are written into a temporary folder. In turns, open_clip.create_model loads them, and
load_checkpoint reads, checks, hashes and tries them, to the end: random weights tell no picture by its caption, and are
refused. The first turn hashes the file; later ones know its digest. Prints seconds and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import open_clip
import torch
from safetensors.torch import save_file

from audit.checkpoints import known_digests, load_checkpoint
from audit.errors import RefusedProblem

MOST_TIMES = 8.0
"""What refused or ready may take, in times of open_clip alone."""


def main() -> int:
    """Measure, print, and return 1 where it takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        folder = write_random(given.arch, Path(name) / "checkpoint")
        time.sleep(known_digests.SETTLED_NS / 1e9 + 0.1)
        weights = folder / "open_clip_model.safetensors"
        times = [
            (timed(lambda: open_clip.create_model(given.arch, pretrained=str(weights))), timed(lambda: start(folder)))
            for _ in range(given.repeats)
        ]
    alone, ours = zip(*times, strict=True)
    least, later = median(alone), median(ours[1:] or ours)
    first, again = ours[0] / least, later / least
    print(f"{given.arch}, {torch.get_num_threads()} threads, open_clip alone: {least:.2f} s, median of {len(alone)}")
    print(f"refused or ready: {ours[0]:.2f} s at first ({first:.1f} times), {later:.2f} s again ({again:.1f} times)")
    return int(max(first, again) > MOST_TIMES)


def write_random(arch: str, folder: Path) -> Path:
    """Write a folder of open_clip with random weights, and return it."""
    folder.mkdir()
    save_file(open_clip.create_model(arch).state_dict(), folder / "open_clip_model.safetensors")
    told = {"model_cfg": open_clip.get_model_config(arch)}
    (folder / "open_clip_config.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def start(folder: Path) -> None:
    """Load a checkpoint, and take a refusal for an answer."""
    try:
        load_checkpoint(str(folder))
    except RefusedProblem:
        return


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


if __name__ == "__main__":
    raise SystemExit(main())
