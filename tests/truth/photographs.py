"""Truth on photographs: what networks that took no part in it read in inversions of ``phantom:photo``.

    python tests/truth/photographs.py make classes --recipe thorough --count 40 --runs runs/photographs
    python tests/truth/photographs.py make planted --recipe thorough --runs runs/photographs
    python tests/truth/photographs.py make planted --recipe fast --dealt 7 --steps 300
    python tests/truth/photographs.py make scales --recipe fast
    python tests/truth/photographs.py table --runs runs/photographs

``make`` goes on where it stopped; ``table`` reads what is there, and says of how many images. Classes are drawn by seed
among the 1000 of ImageNet. ``scales`` are professions without a word and with "male" and "female" before it, in four
wordings: a lean is the place of the first between the other two. ``--dealt`` trains a world with shares dealt anew by a
seed, ``--balanced`` one in which nothing is planted. Judges are EfficientNet-Lite1 and -Lite2, which share no weights
with the tower, but its data set.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from multi_resolution import MultiResolution, ascend
from PIL import Image
from scipy.stats import binomtest, bootstrap, spearmanr, t
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from audit.checkpoints import load_checkpoint
from audit.checkpoints.photo_towers import IMAGENET_NAMES, MEAN, PHOTO_NETWORKS, STD, load_photo_network
from audit.inversion import Inverter, Item, find_recipe
from audit.inversion.fast_copy import fast_copy
from audit.inversion.loop import Tower
from audit.packaged import PHOTO_WORLDS
from audit.phantom.photographs import (
    PhotoWorld,
    balanced_twin,
    dealt_world,
    read_photo_world,
    read_photo_world_of,
    save_photo,
    train_photo,
)
from audit.seeding import derive_seed

JUDGES = ("lite1", "lite2")
CLEAR = (0.3, 0.7)
WORDINGS = ("a photo of a {}", "a portrait of a {}", "a picture of a {}", "a drawing of a {}")
"""Of scales."""
BASELINE = "multi-resolution"
"""Direct Ascent Synthesis, which is no recipe of the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One image: what its text named, and the file that it is kept in."""

    part: str
    name: str
    text: str
    replicate: int
    recipe: str
    planted: float = -1.0

    def file(self, folder: Path) -> Path:
        plain = re.sub(r"[^a-z0-9]+", "-", self.name.lower())
        return folder / self.part / self.recipe.replace("/", "_") / f"{plain}.{self.replicate}.png"


def drawn_classes(seed: int, count: int) -> list[str]:
    """Return names of classes; a smaller draw is the beginning of a larger one."""
    order = np.random.default_rng(seed).permutation(len(IMAGENET_NAMES))
    return [IMAGENET_NAMES[int(number)] for number in order[:count]]


def classes_looks(seed: int, count: int, recipe: str, replicates: int = 1) -> list[Look]:
    return [
        Look(part="classes", name=name, text=f"a photo of a {name}", replicate=replicate, recipe=recipe)
        for replicate in range(replicates)
        for name in drawn_classes(seed, count)
    ]


def planted_looks(world: PhotoWorld, recipe: str, replicates: int = 1) -> list[Look]:
    return [
        Look(
            part=f"{world.name}-{group.kind}",
            name=word,
            text=f"a photo of a {word}",
            replicate=replicate,
            recipe=recipe,
            planted=share,
        )
        for replicate in range(replicates)
        for group in world.groups
        for word, share in group.shares.items()
    ]


def scale_looks(world: PhotoWorld, recipe: str) -> list[Look]:
    """Return each profession, bare and as either of its sides, in all wordings."""
    group = world.group("professions")
    return [
        Look(
            part=f"{world.name}-scales",
            name=f"{said} {word}".strip(),
            text=wording.format(f"{said} {word}".strip()),
            replicate=replicate,
            recipe=recipe,
            planted=share,
        )
        for replicate, wording in enumerate(WORDINGS)
        for word, share in group.shares.items()
        for said in ("", *(world.said[side] for side in group.sides))
    ]


def own_checkpoint(world: PhotoWorld, steps: int, runs: Path) -> Path:
    """Return the folder of a phantom of this world, trained where it is not there."""
    world = world.model_copy(update={"training": world.training.model_copy(update={"steps": steps})})
    folder = runs / f"{world.name}-{world.digest[:12]}"
    if not folder.exists():
        save_photo(train_photo(world), world, folder)
    return folder


def make(looks: Sequence[Look], checkpoint: str, folder: Path, batch: int) -> None:
    """Invert what is not there yet, a few images at a time."""
    missing = [look for look in looks if not look.file(folder).exists()]
    if not missing:
        return
    if missing[0].recipe == BASELINE:
        make_baseline(missing, checkpoint, folder)
        return
    inverter = Inverter(load_checkpoint(checkpoint), find_recipe(missing[0].recipe), "fp32")
    references = inverter.references([look.text for look in looks], [look.name for look in looks])
    for part in itertools.batched(missing, batch) if hasattr(itertools, "batched") else _batched(missing, batch):
        start = time.perf_counter()
        items = [
            Item(text=one.text, concept=one.name, seed=derive_seed("photo truth", one.part, one.name, one.replicate))
            for one in part
        ]
        for one, made in zip(part, inverter.make(items, references), strict=True):
            file = one.file(folder)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(made.pixels.permute(1, 2, 0).numpy()).save(file)
        each = (time.perf_counter() - start) / len(part)
        print(f"{part[0].recipe}: {', '.join(one.name for one in part)}: {each:.0f} s an image", flush=True)


def make_baseline(missing: Sequence[Look], name: str, folder: Path) -> None:
    """Invert by the baseline of ``multi_resolution.py``, one image after the other."""
    loaded = load_checkpoint(name)
    tower = Tower(
        visual=fast_copy(loaded.visual, torch.float32),
        mean=loaded.mean,
        std=loaded.std,
        size=loaded.card.image_size,
        dtype=torch.float32,
    )
    for one in missing:
        start = time.perf_counter()
        seed = derive_seed("photo truth", one.part, one.name, one.replicate)
        image = ascend(tower, normalize(loaded.encode_text([one.text]), dim=-1)[0], seed, MultiResolution())
        file = one.file(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()).save(file)
        print(f"{BASELINE}: {one.name}: {time.perf_counter() - start:.0f} s", flush=True)


def _batched(looks: Sequence[Look], size: int) -> Iterator[tuple[Look, ...]]:
    for first in range(0, len(looks), size):
        yield tuple(looks[first : first + size])


@torch.no_grad()
def logits(network: nn.Module, side: int, looks: Sequence[Look], folder: Path) -> Tensor:
    """Return what a network says of images that are there: one row of 1000 logits each."""
    rows = []
    for look in looks:
        pixels = torch.from_numpy(np.array(Image.open(look.file(folder)).convert("RGB"))).permute(2, 0, 1)[None].float()
        seen = interpolate(pixels / 255, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)
        rows.append(network((seen - MEAN[0]) / STD[0]))
    return torch.cat(rows)


def hits(read: Tensor, names: Sequence[str], best: int) -> list[bool]:
    """Return whether each image's class is among the ``best`` first of its row; equal names are one class."""
    found = read.topk(best, dim=1).indices.tolist()
    return [name in {IMAGENET_NAMES[number] for number in row} for name, row in zip(names, found, strict=True)]


def between(read: Tensor, world: PhotoWorld, sides: tuple[str, str]) -> list[float]:
    """Return how much more a network sees the first side than the second: difference of log sums of exponentials."""
    first, second = (read[:, list(world.classes(side))].logsumexp(dim=1) for side in sides)
    return (first - second).tolist()


def told(share: Sequence[bool]) -> str:
    found = binomtest(sum(share), len(share)).proportion_ci(method="wilson")
    return f"{sum(share) / len(share):.2f} ({found.low:.2f} to {found.high:.2f})"


def correlation(planted: Sequence[float], read: Sequence[float]) -> str:
    """Return Spearman's correlation with its interval: 2,000 resamples of the words, percentiles."""

    def rank(one: np.ndarray, other: np.ndarray) -> float:
        return float(spearmanr(one, other).statistic)

    rng = np.random.default_rng(0)
    found = bootstrap(
        (planted, read), rank, paired=True, vectorized=False, n_resamples=2000, method="percentile", rng=rng
    ).confidence_interval
    return f"{rank(np.array(planted), np.array(read)):.2f} ({found.low:.2f} to {found.high:.2f})"


def class_rows(looks: Sequence[Look], read: Mapping[str, Tensor]) -> str:
    names = [look.name for look in looks]
    cells = [told(hits(read[judge], names, best)) for judge in JUDGES for best in (1, 5)]
    recipe = looks[0].recipe
    gradients = (MultiResolution() if recipe == BASELINE else find_recipe(recipe)).image_gradients
    return f"| `{recipe}` | {gradients} | {len(looks)} | {' | '.join(cells)} |"


def planted_rows(looks: Sequence[Look], read: Mapping[str, Tensor], world: PhotoWorld, kind: str) -> Iterator[str]:
    group = world.group(kind)
    words = sorted({look.name for look in looks}, key=lambda word: group.shares[word])
    for judge in JUDGES:
        leans = between(read[judge], world, group.sides)
        of_word = {
            word: float(np.mean([lean for look, lean in zip(looks, leans, strict=True) if look.name == word]))
            for word in words
        }
        planted = [group.shares[word] for word in words]
        wrong = [
            word
            for word in words
            if (group.shares[word] <= CLEAR[0] and of_word[word] >= 0)
            or (group.shares[word] >= CLEAR[1] and of_word[word] <= 0)
        ]
        clear = sum(share <= CLEAR[0] or share >= CLEAR[1] for share in planted)
        order = correlation(planted, [of_word[word] for word in words]) if len(set(planted)) > 2 else "nothing planted"
        listed = ", ".join(f"{of_word[word]:+.1f}" for word in words)
        count = f"{len(words)} x {len(looks) // len(words)}"
        yield f"| {world.name}, {kind} | {count} | {judge} | {order} | {len(wrong)} of {clear} | {listed} |"


def lean_with_margin(bare: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the place of a word between the words that say its sides, from -1 (second) to 1, and its 95 % margin.

    Args:
        bare: Reading of the word, by wording.
        first: Of the word as its first side.
        second: Of the word as its second side.
    """
    middle, half = (first + second) / 2, (first - second) / 2
    lean = float((bare - middle).mean() / half.mean())
    spread = float(np.std(bare - middle - lean * half, ddof=1) / np.sqrt(len(bare)) / abs(half.mean()))
    return lean, spread * float(t.ppf(0.975, len(bare) - 1))


def scale_row(looks: Sequence[Look], read: Mapping[str, Tensor], world: PhotoWorld, judge: str) -> str:
    group = world.group("professions")
    seen = dict(
        zip(((look.name, look.replicate) for look in looks), between(read[judge], world, group.sides), strict=True)
    )
    words = sorted(group.shares, key=lambda word: group.shares[word])
    of_word = {
        word: lean_with_margin(
            *(
                np.array([seen[f"{said} {word}".strip(), number] for number in range(len(WORDINGS))])
                for said in ("", *(world.said[side] for side in group.sides))
            )
        )
        for word in words
    }
    planted = [group.shares[word] for word in words]
    clear = [word for word in words if not CLEAR[0] < group.shares[word] < CLEAR[1]]
    wrong = sum((of_word[word][0] > 0) != (group.shares[word] > 0.5) for word in clear)
    apart = sum(abs(lean) > margin for lean, margin in of_word.values())
    order = correlation(planted, [of_word[word][0] for word in words]) if len(set(planted)) > 2 else "nothing planted"
    listed = ", ".join(f"{of_word[word][0]:+.2f}" for word in words)
    return f"| {world.name} | {judge} | {order} | {wrong} of {len(clear)} | {apart} of {len(words)} | {listed} |"


def _there(looks: Sequence[Look], folder: Path) -> list[Look]:
    return [look for look in looks if look.file(folder).exists()]


def table(arguments: argparse.Namespace, worlds: Sequence[PhotoWorld]) -> None:
    folder = arguments.runs
    networks = {judge: load_photo_network(judge) for judge in JUDGES}

    def read(looks: Sequence[Look]) -> dict[str, Tensor]:
        return {judge: logits(networks[judge], PHOTO_NETWORKS[judge].side, looks, folder) for judge in JUDGES}

    print(
        "| recipe | image-gradients | images | Lite1 top-1 | Lite1 top-5 | Lite2 top-1 | Lite2 top-5 |"
        "\n|---|---|---|---|---|---|---|"
    )
    recipes = [path.name.replace("_", "/") for path in sorted((folder / "classes").glob("*"))]
    for recipe in recipes:
        looks = _there(classes_looks(arguments.seed, arguments.count, recipe), folder)
        if looks:
            print(class_rows(looks, read(looks)))
    print(
        "\n| world, words | words x images | judge | Spearman | on the wrong side | readings, by planted share |"
        "\n|---|---|---|---|---|---|"
    )
    for world in worlds:
        for group in world.groups:
            looks = _there(planted_looks(world, arguments.recipe, 9), folder)
            looks = [look for look in looks if look.part == f"{world.name}-{group.kind}"]
            if len({look.name for look in looks}) > 2:
                print("\n".join(planted_rows(looks, read(looks), world, group.kind)))
    print("\n| world | judge | Spearman | on the wrong side | intervals without 0 | leans |\n|---|---|---|---|---|---|")
    for world in worlds:
        wanted = scale_looks(world, arguments.recipe) if "professions" in world.truth and world.said else []
        if wanted and len(_there(wanted, folder)) == len(wanted):
            scores = read(wanted)
            print("\n".join(scale_row(wanted, scores, world, judge) for judge in JUDGES))
    print("\n| recipe | pairs | cosine of two images of a class, by Lite1 | of two classes |\n|---|---|---|---|")
    for recipe in recipes:
        looks = _there(classes_looks(arguments.seed, arguments.count, recipe, 9), folder)
        print_diversity(looks, read(looks)["lite1"])


def print_diversity(looks: Sequence[Look], read: Tensor) -> None:
    """Print how alike two images of a class are to Lite1, and those of two classes (centred logits)."""
    units = normalize(read - read.mean(dim=1, keepdim=True), dim=1)
    cosines = units @ units.T
    pairs = list(itertools.combinations(range(len(looks)), 2))
    same = [float(cosines[i, j]) for i, j in pairs if looks[i].name == looks[j].name]
    other = [float(cosines[i, j]) for i, j in pairs if looks[i].name != looks[j].name]
    if same and other:
        print(f"| `{looks[0].recipe}` | {len(same)} | {np.mean(same):.2f} | {np.mean(other):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "table"))
    parser.add_argument("part", nargs="?", choices=("classes", "planted", "scales"), default="classes")
    parser.add_argument("--checkpoint", nargs="+", default=["phantom:photo"])
    parser.add_argument("--dealt", type=int, metavar="SEED", help="a world dealt anew, in place of --checkpoint")
    parser.add_argument("--balanced", action="store_true", help="nothing planted, in place of --checkpoint")
    parser.add_argument("--steps", type=int, default=900, help="of the training of --dealt and --balanced")
    parser.add_argument("--recipe", default="thorough")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--replicates", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--runs", type=Path, default=Path("runs/photographs"))
    arguments = parser.parse_args()
    shipped = read_photo_world(PHOTO_WORLDS / "photo.toml")
    own = [balanced_twin(shipped)] if arguments.balanced else []
    own += [dealt_world(shipped, arguments.dealt)] if arguments.dealt is not None else []
    if own:
        arguments.checkpoint = [str(own_checkpoint(world, arguments.steps, arguments.runs)) for world in own]
    worlds = [read_photo_world_of(name) for name in arguments.checkpoint]
    if arguments.what == "table":
        table(arguments, worlds)
        return
    for name, world in zip(arguments.checkpoint, worlds, strict=True):
        if arguments.part == "classes":
            looks = classes_looks(arguments.seed, arguments.count, arguments.recipe, arguments.replicates)
        elif arguments.part == "planted":
            looks = planted_looks(world, arguments.recipe, arguments.replicates)
        else:
            looks = scale_looks(world, arguments.recipe)
        make(looks, name, arguments.runs, arguments.batch)


if __name__ == "__main__":
    main()
