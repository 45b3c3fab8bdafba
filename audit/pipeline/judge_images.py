"""Judges look at the stored images, lossless PNG, shard by shard: after the inversion, or beside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from audit.evidence import RunFolder, scores_table, write_judge_card
from audit.judges.judge_protocol import Judge
from audit.pipeline.progress import Progress


def judge_run(run: RunFolder, judge: Judge, progress: Progress) -> None:
    """Score every shard of images that this judge has not scored yet."""
    write_judge_card(run, judge.card)
    names = run.shard_names("images")
    missing = unjudged(run, judge, names)
    progress.begin(f"judging by {judge.card.name}", len(names), len(names) - len(missing))
    for name in missing:
        judge_shard(run, judge, name)
        progress.advance(1)


def unjudged(run: RunFolder, judge: Judge, names: Sequence[str]) -> list[str]:
    """Return those of the shards that this judge has not scored yet."""
    return [name for name in names if not run.has_shard(_kind(judge), name)]


def judge_shard(run: RunFolder, judge: Judge, name: str) -> None:
    """Score one shard of images."""
    images = run.read_shard("images", name)
    pictures = torch.stack([decode_png(png) for png in images["png"]])
    keys = list(zip(images["prompt_id"].tolist(), images["replicate"].tolist(), strict=True))
    run.write_shard(_kind(judge), name, scores_table(keys, judge.score(pictures), judge.card))


@contextmanager
def judging_beside(run: RunFolder, judges: Sequence[Judge]) -> Iterator[Callable[[str], None]]:
    """Score shards in a thread of its own while the caller goes on; give it each shard once its images are stored.

    Worth it where the inversion leaves processors idle, as on a GPU: then decoding, a judge that computes on the CPU,
    and the disk cost no time of their own. On a CPU both would only share the same cores.

    Leaving the block waits for what was given. What is not scored then, because somebody interrupted it, is scored by
    :func:`judge_run` later: a shard is whole or absent.

    Raises:
        AuditProblem: What scoring a shard raised; at the next shard or at the end.
    """
    for judge in judges:
        write_judge_card(run, judge.card)
    given: list[Future[None]] = []

    def work(name: str) -> None:
        for judge in judges:
            judge_shard(run, judge, name)

    def take(name: str) -> None:
        _raise_from(given)
        given.append(pool.submit(work, name))

    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judging")
    try:
        yield take
        pool.shutdown(wait=True)
        _raise_from(given)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _raise_from(given: list[Future[None]]) -> None:
    for one in given:
        if one.done():
            one.result()


def _kind(judge: Judge) -> str:
    return f"scores/{judge.card.name}"


def encode_png(pixels: UInt8[Tensor, "3 height width"]) -> bytes:
    """Return an image as lossless PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_png(png: bytes) -> UInt8[Tensor, "3 height width"]:
    """Return the pixels of a PNG that :func:`encode_png` wrote."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        pixels = np.array(image.convert("RGB"), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1)
