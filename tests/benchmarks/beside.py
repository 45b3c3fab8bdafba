"""Recipes beside one of ours, in pairs: what another setting does to quality, to precision and to diversity.

    python -m tests.benchmarks.beside careful "careful rate=0.1" "careful views=1 steps=200" --set tuning

The first recipe is what the others are measured against, on the same prompts and seeds, by the judges of the bench. A
setting is one of a recipe's own, by its name; a span is given as START,END. Images are kept in the output folder.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from audit.checkpoints import Checkpoint, load_checkpoint
from audit.errors import UsageProblem
from audit.inversion import find_recipe
from audit.inversion.recipe import Recipe, Span
from tests.benchmarks.arms import Arm
from tests.benchmarks.bench import ROOT, say
from tests.benchmarks.checkpoints import held_out, provide, read_plan
from tests.benchmarks.headline import Ranged, paired, ratio, resample
from tests.benchmarks.held_out import HeldOutJudge, Texts, diversity, own_numbers
from tests.benchmarks.images import ImageStore
from tests.benchmarks.prompts import choose, every_prompt, split
from tests.benchmarks.tables import rule

_COLUMNS: Final = ("recipe", "image-gradients", "z", "R-precision, points", "diversity, ratio", "diversity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the judges say of the last images of one recipe, as a mean over judges."""

    z: Float[np.ndarray, "prompts seeds"]
    first: Float[np.ndarray, "prompts seeds"]
    diversity: Float[np.ndarray, " prompts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One recipe less another, or over it, in pairs of images."""

    z: Ranged
    first: Ranged
    diversity: Ranged


def variant(words: str) -> Recipe:
    """Return the recipe that ``words`` name, with the settings that follow its name.

    Example:
        >>> variant("careful rate=0.1 noise=0.4,0.3").noise
        Span(start=0.4, end=0.3)

    Raises:
        UsageProblem: If there is no such recipe or setting, or a value cannot be read.
    """
    name, *changes = words.split()
    recipe = find_recipe(name)
    known = {field.name for field in dataclasses.fields(Recipe)} - {"name"}
    settings: dict[str, object] = {}
    for change in changes:
        key, _, text = change.partition("=")
        if key not in known:
            raise UsageProblem(f"A recipe has no setting {key!r}.", remedy=f"Choose among: {', '.join(sorted(known))}.")
        settings[key] = _value(getattr(recipe, key), text)
    return dataclasses.replace(recipe, **settings)  # type: ignore[arg-type]


def _value(now: object, text: str) -> object:
    if isinstance(now, str):
        return text
    try:
        value = ast.literal_eval(text)
        if isinstance(now, Span):
            start, end = value
            return Span(start=float(start), end=float(end))
    except (ValueError, SyntaxError, TypeError) as error:
        raise UsageProblem(f"{text!r} is not a value of a recipe.", remedy="Give a number, or START,END.") from error
    return value


def compare(ours: Seen, theirs: Seen) -> Beside:
    """Return how one recipe does beside another, with intervals over prompts."""
    picks = resample(len(ours.z))
    return Beside(
        z=paired(ours.z, theirs.z, picks),
        first=paired(100 * ours.first, 100 * theirs.first, picks),
        diversity=ratio(ours.diversity, theirs.diversity, picks),
    )


class Panel:
    """The judges of one checkpoint, and the prompts on which they look at recipes."""

    def __init__(self, checkpoint: Checkpoint, judges: Mapping[str, Checkpoint], given: argparse.Namespace) -> None:
        prompts = every_prompt()
        self._texts = Texts(texts=tuple(p.text for p in prompts), concepts=tuple(p.concept for p in prompts))
        self._checkpoint = checkpoint
        apart = held_out(checkpoint, judges, self._texts.texts)
        self._judges = [HeldOutJudge(judge, self._texts, name=name) for name, judge in apart.items()]
        self._prompts = choose(split(prompts)[given.which], given.prompts)
        self._seeds, self._out = given.seeds, given.out

    def see(self, recipe: Recipe) -> Seen:
        """Make the images of a recipe where they are missing, and return what the judges say."""
        store = ImageStore(self._out, self._checkpoint, Arm(name=recipe.name, recipe=recipe, kept=(recipe.steps,)))
        store.fill(self._prompts, self._seeds, say)
        images = store.load(self._prompts, self._seeds)[:, :, -1]
        own = own_numbers(self._texts, [prompt.text for prompt in self._prompts], images.shape[1:2])
        readings = [judge.read(images, own) for judge in self._judges]
        return Seen(
            z=np.mean([reading.z for reading in readings], axis=0),
            first=np.mean([reading.rank == 1 for reading in readings], axis=0),
            diversity=np.mean([diversity(reading.embeddings) for reading in readings], axis=0),
        )


def lines(panel: Panel, recipes: Sequence[str]) -> list[str]:
    """Return one row per recipe: the first with its own numbers, the others beside it."""
    first, *rest = recipes
    base = panel.see(variant(first))
    own = f"{np.mean(base.z):.2f} | {100 * np.mean(base.first):.1f} | 1 | {np.mean(base.diversity):.3f} |"
    rows = [f"| {first} | {variant(first).image_gradients} | {own}"]
    for words in rest:
        recipe = variant(words)
        seen = panel.see(recipe)
        found = compare(seen, base)
        said = (_said(found.z, "+.2f"), _said(found.first, "+.1f"), _said(found.diversity, ".2f"))
        rows.append(f"| {words} | {recipe.image_gradients} | {' | '.join(said)} | {np.mean(seen.diversity):.3f} |")
        say(rows[-1])
    return rows


def _said(one: Ranged, form: str) -> str:
    return f"{one.value:{form}} ({one.low:{form}} to {one.high:{form}})"


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = made.add_argument
    add("recipes", nargs="+", help="NAME, or 'NAME setting=value ...'; the first is what the others stand beside")
    add("--set", dest="which", choices=("test", "tuning"), default="tuning", help="prompts and judges [tuning]")
    add("--checkpoint", action="append", help="audited; repeatable [the set's]")
    add("--judge", action="append", help="held-out judge; repeatable [the set's]")
    add("--prompts", type=int, default=24, help="how many, spread over concepts [%(default)s]")
    add("--seeds", type=int, default=3, help="images of each prompt [%(default)s]")
    add("--out", type=Path, default=ROOT / "runs" / "beside", help="folder of images [runs/beside]")
    add("--phantoms", type=Path, default=ROOT / "runs" / "bench" / "checkpoints", help="folder of the bench's phantoms")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Print one table for each checkpoint."""
    given = parser().parse_args(argv)
    plan = read_plan(given.which)

    def load(name: str) -> Checkpoint:
        return load_checkpoint(provide(name, plan.worlds, given.phantoms, say))

    judges = {name: load(name) for name in given.judge or plan.judges}
    for name in given.checkpoint or plan.audited:
        panel = Panel(load(name), judges, given)
        print(f"\n**{name}**\n")
        print("\n".join([*rule(_COLUMNS), *lines(panel, given.recipes)]), flush=True)


if __name__ == "__main__":
    main()
