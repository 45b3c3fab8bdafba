"""``clip-audit invert``: single texts become images, with their progress and their figures."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.progress_bars import show_progress
from audit.cli.talk import Talk, json_text, paragraph
from audit.early_checks import RECIPE_NAMES, check_checkpoint, check_choice
from audit.precision import check_precision

if TYPE_CHECKING:
    from audit.checkpoints import Checkpoint
    from audit.inversion import Recipe
    from audit.pipeline.invert_texts import TextInversion, TextJob

_TOY: Final = "phantom:skewed"
"""What is inverted where no checkpoint is named."""
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
    preprocess: o.PreprocessOption = None,
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
    check_checkpoint(name, arch, preprocess)
    check_choice("recipe", recipe.partition("/")[0], RECIPE_NAMES)
    check_precision(precision)
    if checkpoint is None:
        talk.say(
            f"No checkpoint is named: taking {_TOY}, a small phantom that ships. --checkpoint names yours.",
            style="bold",
        )
    talk.say(f"Loading {name}")
    from audit.checkpoints import LoadOptions
    from audit.evidence.files import disk_problems
    from audit.pipeline.invert_texts import TextJob, load_to_invert

    loaded = load_to_invert(
        name,
        recipe=recipe,
        steps=steps,
        device=o.pick_device(device),
        precision=precision,
        options=LoadOptions(arch=arch, preprocess=preprocess, allow_pickle=allow_pickle, waive_sanity=waive_sanity),
    )
    for warning in (*loaded.warnings, *loaded.check(texts)):
        talk.warn(warning)
    with disk_problems("Making the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    jobs = [TextJob(text=text, replicate=k, seed=seed) for text in dict.fromkeys(texts) for k in range(replicates)]
    made: list[dict[str, object]] = []
    with o.resumable(talk, f"Finished images are kept in {out}."), show_progress(talk) as progress:
        results = loaded.invert(jobs, progress)
        made.extend(_write(result, loaded.checkpoint, loaded.recipe, out) for result in results)
    _conclude(talk, made)


def _write(result: TextInversion, checkpoint: Checkpoint, recipe: Recipe, out: Path) -> dict[str, object]:
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


def _stem(job: TextJob, checkpoint: Checkpoint, recipe: Recipe) -> str:
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
