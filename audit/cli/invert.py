"""``clip-audit invert``: single texts become images, with their progress and their figures."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.progress_bars import Hears, show_progress
from audit.cli.talk import Talk, json_text, paragraph
from audit.early_checks import RECIPE_NAMES, check_checkpoint, check_choice
from audit.errors import UsageProblem
from audit.precision import check_precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from audit.checkpoints import Checkpoint
    from audit.inversion import Inverted, Inverter, Recipe, References

_TOY: Final = "phantom:skewed"
"""What is inverted where no checkpoint is named."""
_FRAMES: Final = 8
_SMALL: Final = 160
"""Largest side, in pixels, of images that get an enlarged copy beside them."""
_ENLARGED: Final = 4


def invert(
    *,
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Texts to invert.", show_default=False)],
    checkpoint: o.CheckpointOption = None,
    recipe: o.RecipeOption = "fast",
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, max=100_000, help="Steps, instead of the recipe's own.")
    ] = None,
    replicates: Annotated[int, typer.Option("--replicates", min=1, max=1000, help="Images per text.")] = 1,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")] = Path("inversions"),
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    seed: o.SeedOption = 0,
    arch: o.ArchOption = None,
    allow_pickle: o.PickleOption = False,
    waive_sanity: o.WaiveOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Make images that match texts.

    They are inverted: optimised from noise until the checkpoint finds that they match.

    Writes, for each image, a PNG (small ones also enlarged), a strip of its progress and a JSON file with its figures.
    """
    talk = Talk(as_json=as_json)
    name = checkpoint or _TOY
    check_checkpoint(name, arch)
    check_choice("recipe", recipe.partition("/")[0], RECIPE_NAMES)
    check_precision(precision)
    if checkpoint is None:
        talk.say(f"No checkpoint is named: taking {_TOY}, a toy that ships. --checkpoint names yours.", style="bold")
    talk.say(f"Loading {name}")
    from audit.checkpoints import LoadOptions, load_checkpoint
    from audit.evidence.files import disk_problems
    from audit.inversion import Inverter, find_recipe

    chosen = find_recipe(recipe)
    if steps is not None:
        chosen = dataclasses.replace(chosen, steps=steps)
    options = LoadOptions(arch=arch, allow_pickle=allow_pickle, waive_sanity=waive_sanity)
    loaded = load_checkpoint(name, options=options, device=o.pick_device(device))
    compute = chosen.choose_precision(precision, loaded.device)
    if compute.warning:
        talk.warn(compute.warning)
    _check_texts(texts, loaded, talk)
    with disk_problems("Making the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    inverter = Inverter(loaded, chosen, compute.precision)
    jobs = [_Job(text=text, replicate=k, seed=seed) for text in dict.fromkeys(texts) for k in range(replicates)]
    made: list[dict[str, object]] = []
    with o.resumable(talk, f"Finished images are kept in {out}."), show_progress(talk) as progress:
        results = _invert_all(jobs, loaded, chosen, inverter, progress)
        made.extend(_write(result, loaded, chosen, out) for result in results)
    _conclude(talk, made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    text: str
    replicate: int
    seed: int
    """What the user gave; the seed of the draws is derived from all three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    job: _Job
    image: Inverted
    frames: list[NDArray[np.uint8]] | None
    """Pixels on the way, each (side, side, 3); ``None`` where memory ran out on the way and they are mixed up."""
    precision: str
    seconds: float


@dataclass(slots=True)
class _Film:
    """Keeps some of the images on their way; the loop calls it after every step."""

    wanted: frozenset[int]
    progress: Hears
    frames: list[Tensor] = field(default_factory=list)
    starts: int = 0

    def __call__(self, step: int, images: Tensor) -> None:
        self.starts += step == 1
        self.progress.advance(len(images))
        if step in self.wanted:
            self.frames.append((images * 255).round().byte().cpu())


def _check_texts(texts: Sequence[str], checkpoint: Checkpoint, talk: Talk) -> None:
    for text in texts:
        if not text.strip():
            raise UsageProblem("A text is empty.", remedy='Give words to invert, as in "a photo of a nurse".')
        unknown = checkpoint.unknown_words(text)
        if unknown:
            raise UsageProblem(
                f"{checkpoint.card.name} does not know {', '.join(map(repr, unknown[:8]))} in {text!r}.",
                remedy="Its vocabulary is closed, and a word that it never saw means nothing to it: use other words.",
            )
        if checkpoint.count_tokens(text) > checkpoint.card.context_length:
            talk.warn(
                f"{text[:80]!r} is longer than the context of {checkpoint.card.context_length} tokens and is cut."
            )


def _invert_all(
    jobs: Sequence[_Job], checkpoint: Checkpoint, recipe: Recipe, inverter: Inverter, progress: Hears
) -> Iterator[_Result]:
    from audit.inversion import Item, batch_size
    from audit.seeding import derive_seed

    size = batch_size(recipe, checkpoint.card.image_size, checkpoint.device)
    concepts, references = _references(jobs, checkpoint, inverter)
    wanted = frozenset(recipe.steps * k // _FRAMES for k in range(1, _FRAMES)) - {0}
    progress.begin("inverting (image-steps)", len(jobs) * recipe.steps)
    for first in range(0, len(jobs), size):
        part = jobs[first : first + size]
        items = [
            Item(
                text=job.text, concept=concepts[job.text], seed=derive_seed("invert", job.seed, job.text, job.replicate)
            )
            for job in part
        ]
        film = _Film(wanted=wanted, progress=progress)
        began = time.perf_counter()
        images = inverter.make(items, references, film)
        seconds = (time.perf_counter() - began) / len(part)
        for row, (job, image) in enumerate(zip(part, images, strict=True)):
            frames = [frame[row].permute(1, 2, 0).numpy() for frame in film.frames] if film.starts == 1 else None
            yield _Result(job=job, image=image, frames=frames, precision=inverter.precision, seconds=seconds)


def _references(jobs: Sequence[_Job], checkpoint: Checkpoint, inverter: Inverter) -> tuple[dict[str, str], References]:
    """Return the concept of every text, and the texts that images are placed against: these and the usual prompts."""
    from audit.pipeline.defaults import core_suites
    from audit.records import UNSEEN, UNWORDED
    from audit.suites import load_suite, shorten, suite_path

    pairs: dict[str, str] = {}
    for name in core_suites(checkpoint.card.name, checkpoint):
        for prompt in shorten(load_suite(suite_path(name)), templates=1).prompts:
            if prompt.role not in UNWORDED | UNSEEN and not checkpoint.unknown_words(prompt.text):
                pairs.setdefault(prompt.text, prompt.concept)
    concepts = {job.text: _concept(job.text, frozenset(pairs.values())) for job in jobs}
    pairs |= concepts
    return concepts, inverter.references(list(pairs), list(pairs.values()))


def _concept(text: str, known: frozenset[str]) -> str:
    """Return the longest known concept that a text names in whole words, or else the text itself."""
    found = [concept for concept in known if re.search(rf"(?<!\w){re.escape(concept)}(?!\w)", text, re.IGNORECASE)]
    return max(found, key=lambda concept: (len(concept), concept), default=text)


def _write(result: _Result, checkpoint: Checkpoint, recipe: Recipe, out: Path) -> dict[str, object]:
    """Write the files of one image and return its figures."""
    import numpy as np
    from PIL import Image

    from audit.evidence.files import disk_problems

    job, quality = result.job, result.image.quality
    stem = _stem(job, checkpoint, recipe)
    pixels = result.image.pixels.permute(1, 2, 0).numpy()
    pictures = {"image": pixels}
    if max(pixels.shape[:2]) <= _SMALL:
        pictures["enlarged"] = pixels.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)
    if result.frames is not None:
        pictures["progress"] = np.concatenate([*result.frames, pixels], axis=1)
    endings = {"image": "", "enlarged": f"-x{_ENLARGED}", "progress": "-progress"}
    files = {kind: out / f"{stem}{endings[kind]}.png" for kind in pictures}
    figures: dict[str, object] = {
        "text": job.text,
        "checkpoint": {"name": checkpoint.card.name, "digest": checkpoint.card.digest},
        "recipe": {"name": recipe.name, "digest": recipe.digest, "steps": recipe.steps, "views": recipe.views},
        "seed": job.seed,
        "replicate": job.replicate,
        "quality": dataclasses.asdict(quality) | {"status": quality.status.value},
        "seconds": round(result.seconds, 3),
        "image_gradients": recipe.image_gradients,
        "precision": result.precision,
        "files": {kind: path.name for kind, path in files.items()},
    }
    figures_file = out / f"{stem}.json"
    with disk_problems("Writing into", out):
        for kind, path in files.items():
            Image.fromarray(pictures[kind]).save(path, format="PNG")
        figures_file.write_text(json_text(figures) + "\n", encoding="utf-8")
    return figures | {"files": {**files, "figures": figures_file}}


def _stem(job: _Job, checkpoint: Checkpoint, recipe: Recipe) -> str:
    """Return a file name that is safe for any text, and differs wherever the image may differ."""
    words = re.sub(r"[^a-z0-9]+", "-", job.text.lower()).strip("-")[:40].rstrip("-") or "text"
    parts = (checkpoint.card.digest, recipe.digest, job.text, str(job.seed))
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{words}-{digest}-{job.replicate}"


def _conclude(talk: Talk, made: Sequence[dict[str, object]]) -> None:
    lines = []
    for one in made:
        quality, files = one["quality"], one["files"]
        if isinstance(quality, dict) and isinstance(files, dict):
            measured = f"{quality['status']}, own cosine {quality['own_cosine']:.2f}, {one['seconds']} s"
            lines.append((f"{paragraph(one['text'])}: {measured}; {files['image']}", ""))
    talk.conclude(lines)
    talk.answer({"inversions": list(made), "warnings": talk.warnings})
