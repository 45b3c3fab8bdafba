"""A drawn world: what is in it, and which associations are planted in its captions.

Every picture of a profession is drawn as often with a woman as with a man, and every picture of a public
name as often clothed as not. Bias enters through captions only: ``man = 0.85`` says that of the pictures
whose caption names the bare profession ("a photo of a doctor"), 85 % show a man; the other pictures say the
gender ("a female doctor"). A contrastive checkpoint learns the ratio p(caption | picture) / p(caption), so
the log-odds of the planted share are what its bare caption prefers a man by. In a world that skewed the
pictures and not the captions, that ratio would be the same for both genders, and an ideal checkpoint would
carry no bias at all.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from audit.errors import UsageProblem
from audit.phantom.drawing import HATS, PLACES, PROPS, SHAPES, Look

WORLDS: Final = Path(__file__).parent / "worlds"

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Words = Annotated[str, Field(pattern=r"^[a-z]+( [a-z]+){0,5}$", max_length=60)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Drawn(_Table):
    clothes: Colour
    hat: Literal[HATS] = "none"  # type: ignore[valid-type]
    hat_colour: Colour = "#888888"
    prop: Literal[PROPS] = "none"  # type: ignore[valid-type]
    prop_colour: Colour = "#888888"
    background: Colour

    @property
    def look(self) -> Look:
        return Look(
            clothes=self.clothes,
            hat=self.hat,
            hat_colour=self.hat_colour,
            prop=self.prop,
            prop_colour=self.prop_colour,
            background=self.background,
        )


class Profession(_Drawn):
    """A profession and the share of men among the pictures that its bare name captions."""

    word: Words
    man: Share = 0.5


class PublicName(_Drawn):
    """An invented public name and the share of unclothed mannequins among its bare captions."""

    name: Words
    unclothed: Share = 0.0


class Thing(_Table):
    """An object that is drawn in every colour of the world."""

    word: Words
    shape: Literal[SHAPES]  # type: ignore[valid-type]


class Context(_Table):
    """A prompt that names no place, and the shares of the places in which it is drawn."""

    phrase: Words
    subject: Literal["swimmer", "meal"]
    places: dict[Literal[PLACES], Share]  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _places_sum_to_one(self) -> Context:
        total = sum(self.places.values())
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the places of {self.phrase!r} sum to {total:g}, not to 1")
        return self


class Captions(_Table):
    """How pictures are captioned."""

    bare: Annotated[float, Field(ge=0.0, le=0.5)] = 0.4
    """Share of the pictures of professions and names whose caption leaves gender or clothing open."""
    explicit: bool = False
    """Whether every caption of a figure says its gender, and captions may say that nobody is there: for judges."""
    random_looks: Share = 0.0
    """Share of figures drawn with clothes, hat, prop and background at random, captioned by gender alone."""


class Training(_Table):
    """How a checkpoint is trained on the world."""

    tower: Literal["resnet", "resnet-deep", "vit"] = "resnet"
    seed: int = 0
    pictures: Annotated[int, Field(ge=64, le=200_000)] = 16_000
    epochs: Annotated[int, Field(ge=1, le=200)] = 12
    batch: Annotated[int, Field(ge=16, le=4096)] = 128
    rate: Annotated[float, Field(gt=0.0, le=0.1)] = 2e-3
    hardening: Share = 0.55
    """Share of the steps after which training turns adversarial: from then on a step costs half as much again."""
    clutter: Share = 0.0
    """Largest weight of a cloud of random colours that a training picture is blended with; for judges."""
    adversarial: Annotated[float, Field(ge=0.0, le=20.0)] = 1.0
    """L2 size, in pixels of [0, 1], of the one gradient step that each training picture is moved by."""


_THINGS: Final = tuple(Thing(word=shape, shape=shape) for shape in ("ball", "apple", "box", "car", "house", "cup"))
_COLOURS: Final = {"red": "#d5231f", "green": "#2f9e3c", "blue": "#2450d0", "yellow": "#f2c81f"}


class World(_Table):
    """Everything that a phantom is made from; equal worlds and seeds give equal phantoms."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    professions: tuple[Profession, ...] = Field(alias="profession", default=())
    public_names: tuple[PublicName, ...] = Field(alias="public_name", default=())
    things: tuple[Thing, ...] = Field(alias="thing", default=_THINGS)
    """A checkpoint has to match coloured things before it is audited, so a world has some unless it says not."""
    colours: dict[Words, Colour] = _COLOURS
    contexts: tuple[Context, ...] = Field(alias="context", default=())
    captions: Captions = Captions()
    training: Training = Training()

    @model_validator(mode="after")
    def _words_are_distinct(self) -> World:
        words = [p.word for p in self.professions] + [n.name for n in self.public_names]
        words += [t.word for t in self.things]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise ValueError(f"named more than once: {', '.join(twice)}")
        if not self.professions and not self.public_names and not self.captions.random_looks:
            raise ValueError("a world needs a [[profession]], a [[public_name]], or captions.random_looks above 0")
        if self.training.pictures < self.training.batch:
            raise ValueError("training.pictures is smaller than training.batch, so there is nothing to train on")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the whole world, training settings included, as 64 hex digits."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    @property
    def truth(self) -> dict[str, dict[str, dict[str, float]]]:
        """What was planted: shares of men, of unclothed pictures, of places."""
        return {
            "professions": {p.word: {"man": p.man} for p in self.professions},
            "names": {n.name: {"unclothed": n.unclothed} for n in self.public_names},
            "contexts": {c.phrase: dict(c.places) for c in self.contexts},
        }


def read_world(path: Path) -> World:
    """Read a world from a TOML file.

    A file may stand on another (``based_on = "skewed"``, a shipped world or a path beside the file) and
    replace tables of it whole; ``[shares]`` then sets planted shares by word, or all of a kind at once with
    ``man = 0.5`` and ``unclothed = 0.25``.

    Raises:
        UsageProblem: If the file cannot be read, is not TOML, or does not describe a world.
    """
    try:
        return World.model_validate(_read_tables(path, depth=0))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise UsageProblem(
            f"The world in {path} is not valid at {place}: {first['msg']}.",
            remedy="Correct that entry; audit/phantom/worlds/skewed.toml shows every table.",
        ) from error


def _read_tables(path: Path, *, depth: int) -> dict[str, Any]:
    remedy = "Give a TOML file like audit/phantom/worlds/skewed.toml."
    if depth > 3:
        raise UsageProblem(f"{path} stands on a chain of more than 3 worlds.", remedy="Shorten the chain.")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageProblem(f"Cannot read the world {path}: {error.strerror}.", remedy=remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} is not TOML: {error}.", remedy=remedy) from error
    shares = tables.pop("shares", {})
    parent = tables.pop("based_on", None)
    if parent is not None:
        shipped = WORLDS / f"{parent}.toml"
        base = _read_tables(shipped if shipped.exists() else path.parent / str(parent), depth=depth + 1)
        tables = _merged(base, tables)
    return _with_shares(tables, shares, path)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the tables of ``over``; settings are merged by key, lists are replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _with_shares(tables: dict[str, Any], shares: Any, path: Path) -> dict[str, Any]:  # noqa: ANN401  (as TOML has it)
    if not isinstance(shares, dict):
        raise UsageProblem(
            f"{path}: shares is not a table.", remedy="Write it as [shares] with one word = share a line."
        )
    known: set[str] = set()
    for table, key, share in (("profession", "word", "man"), ("public_name", "name", "unclothed")):
        entries = tables.get(table, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            continue  # the schema says what is wrong with it
        entries = [dict(entry) for entry in entries]
        for entry in entries:
            known.add(str(entry.get(key)))
            for wanted in (share, str(entry.get(key))):
                if wanted in shares:
                    entry[share] = shares[wanted]
        tables[table] = entries
    unknown = sorted(set(shares) - known - {"man", "unclothed"})
    if unknown:
        raise UsageProblem(
            f"{path}: [shares] names {', '.join(unknown)}, which the world does not have.",
            remedy="Use the words of its [[profession]] and [[public_name]] tables.",
        )
    return tables
