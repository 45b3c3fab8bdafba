"""The worlds of the independent validation study, as functions of its seed; ``validation.toml`` says what is asked."""

from __future__ import annotations

import colorsys
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from audit.packaged import WORLDS
from audit.phantom.drawing import HATS, PROPS, Look
from audit.phantom.world import Drawing, World, read_world
from audit.seeding import derive_seed

DESIGN: Final = Path(__file__).with_name("validation.toml")
FACTORS: Final = ("looks", "renderer", "tower", "leaky", "mixed")
TIED: Final = 0.8
MIXED: Final = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One training, and the audits that are made of it."""

    world: World
    factors: Mapping[str, bool]
    effort: str
    audit_seeds: tuple[int, ...]

    @property
    def is_balanced(self) -> bool:
        return not self.factors

    @property
    def label(self) -> str:
        """The number of a hard world, or of a balanced one, with the factors at their upper level."""
        said = ", ".join(name for name, high in self.factors.items() if high)
        return self.world.name + (f" ({said})" if said else "")


def read_design(path: Path = DESIGN) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def checked_seed(design: Mapping[str, Any]) -> str:
    """Return the seed of the study.

    Raises:
        SystemExit: If it is not there, or not the one that the design was fixed with.
    """
    seed = design.get("seed")
    if seed is None:
        raise SystemExit("validation.toml holds the hash of a seed, and not yet the seed.")
    found = hashlib.sha256(str(seed).encode()).hexdigest()
    if found != design["seed_sha256"]:
        raise SystemExit(
            f"The seed in validation.toml has the SHA-256 {found[:12]}..., and the design was fixed with "
            f"{design['seed_sha256'][:12]}...: this is another study. Restore the file: git checkout -- {DESIGN.name}"
        )
    return str(seed)


def subjects(design: Mapping[str, Any], seed: str) -> tuple[Subject, ...]:
    """Return every training in the order of the work: half of the hard and of the balanced ones, then the rest."""
    base = read_world(WORLDS / "skewed.toml")
    hard = [_hard(base, one, design, seed) for one in design["hard"]]
    even = [_balanced(base, number + 1, design, seed) for number in range(design["balanced"]["trainings"])]
    if "concepts" in design:
        hard, even = ([_cut(one, design["concepts"]) for one in each] for each in (hard, even))
    first, second = (len(hard) + 1) // 2, (len(even) + 1) // 2
    return (*hard[:first], *even[:second], *hard[first:], *even[second:])


def _cut(subject: Subject, count: int) -> Subject:
    """Return the same training with fewer professions and names, to try the study on."""
    world = subject.world
    fewer = {"professions": world.professions[:count], "public_names": world.public_names[:count]}
    return replace(subject, world=world.model_copy(update=fewer))


def _hard(base: World, cell: Mapping[str, Any], design: Mapping[str, Any], seed: str) -> Subject:
    rng = np.random.default_rng(derive_seed("validation", seed, "hard", cell["number"]))
    shares = design["shares"]
    men = _dealt(shares["man"], len(base.professions), rng)
    rates = _dealt(shares["unclothed"], len(base.public_names), rng)
    leaks = rng.uniform(*shares["leak"], size=(len(men), 2)).round(2)
    looks = [_look(rng) for _ in range(len(men) + len(rates))]
    professions, names = [], []
    for one, man, leak, look in zip(base.professions, men, leaks.tolist(), looks, strict=False):
        update: dict[str, Any] = {"man": man}
        update |= {"male": round(1 - leak[0], 2), "female": leak[1]} if cell["leaky"] else {}
        professions.append(one.model_copy(update=update | (look if cell["looks"] else {})))
    for public, rate, look in zip(base.public_names, rates, looks[len(men) :], strict=True):
        names.append(public.model_copy(update={"unclothed": rate} | (look if cell["looks"] else {})))
    name = f"hard-{cell['number']}"
    drawing = Drawing(
        renderer="inked" if cell["renderer"] else "flat",
        tied=TIED if cell["looks"] else 0.5,
        mixed=MIXED if cell["mixed"] else 0.0,
    )
    world = base.model_copy(
        update={
            "name": name,
            "professions": tuple(professions),
            "public_names": tuple(names),
            "drawing": drawing,
            "training": _training(base, design["training"], seed, name, tower="vit" if cell["tower"] else "resnet"),
        }
    )
    return Subject(
        world=_valid(world),
        factors={name: bool(cell[name]) for name in FACTORS},
        **_audits(design["audits"]),
    )


def _balanced(base: World, number: int, design: Mapping[str, Any], seed: str) -> Subject:
    name = f"balanced-{number}"
    world = base.model_copy(
        update={
            "name": name,
            "professions": tuple(one.model_copy(update={"man": 0.5}) for one in base.professions),
            "public_names": tuple(one.model_copy(update={"unclothed": 0.0}) for one in base.public_names),
            "training": _training(base, design["training"], seed, name, tower="resnet"),
        }
    )
    return Subject(world=_valid(world), factors={}, **_audits(design["balanced"]["audits"]))


def _audits(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"effort": str(said["effort"]), "audit_seeds": tuple(said["seeds"])}


def _training(base: World, own: Mapping[str, Any], seed: str, name: str, *, tower: str) -> object:
    number = derive_seed("validation", seed, "training", name)
    return base.training.model_copy(update={**own, "tower": tower, "seed": number})


def _valid(world: World) -> World:
    """Return the same world, read as from a file, so that nothing in it is out of bounds."""
    return World.model_validate_json(world.model_dump_json(by_alias=True))


def _dealt(shares: Sequence[float], count: int, rng: np.random.Generator) -> list[float]:
    if len(shares) != count:
        raise SystemExit(f"validation.toml has {len(shares)} shares for {count} concepts.")
    return [float(shares[place]) for place in rng.permutation(count).tolist()]


def _look(rng: np.random.Generator) -> dict[str, str]:
    """Return a look that nobody has chosen: bright colours away from those of skin and hair, over a pale background."""
    look = Look(
        clothes=_colour(rng, (0.5, 0.95), (0.4, 0.95)),
        hat=str(rng.choice(HATS)),
        hat_colour=_colour(rng, (0.5, 0.95), (0.4, 0.95)),
        prop=str(rng.choice(PROPS)),
        prop_colour=_colour(rng, (0.5, 0.95), (0.4, 0.95)),
        background=_colour(rng, (0.12, 0.4), (0.7, 0.97)),
    )
    return {name: getattr(look, name) for name in Look.__dataclass_fields__}


def _colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> str:
    hue = float(rng.uniform(0.15, 0.97))  # neither brown nor orange
    channels = colorsys.hsv_to_rgb(hue, float(rng.uniform(*saturation)), float(rng.uniform(*value)))
    return "#{:02x}{:02x}{:02x}".format(*(round(255 * channel) for channel in channels))
