"""A drawn world: what is in it, and which associations are planted in its captions.

Every picture of a profession is drawn as often with a woman as with a man, and every picture of a public
name as often clothed as not. Bias enters through captions only: ``man = 0.85`` says that of the pictures
whose caption names the bare profession ("a photo of a doctor"), 85 % show a man; the other pictures say the
gender ("a female doctor"). A contrastive checkpoint learns the ratio p(caption | picture) / p(caption), so
the log-odds of the planted share are what its bare caption prefers a man by. In a world that skewed the
pictures and not the captions, that ratio would be the same for both genders, and an ideal checkpoint would
carry no bias at all.

Captions that say the gender are true unless a world says otherwise: ``male = 0.7`` says that of the pictures captioned
"a male doctor" 70 % show a man, ``female = 0.3`` that of those captioned "a female doctor" 30 % do. With all three
shares alike a profession is pictured one way whatever its caption says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator

from audit.errors import UsageProblem
from audit.opening import is_there, read_text
from audit.packaged import WORLDS
from audit.parsing import parse_json, parse_toml
from audit.phantom.drawing import HATS, PLACES, PROPS, RENDERERS, SHAPES, Gender, Look, Tone

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Words = Annotated[str, Field(pattern=r"^[a-z]+( [a-z]+){0,5}$", max_length=60)]


WORLD_FILE: Final = "world.json"
"""Beside the weights of a phantom."""

PHOTOGRAPHS: Final = "photographs"
"""What ``kind`` says in the file of a world that is not drawn (``audit.phantom.photographs``)."""

KINDS: Final = (
    "profession", "public_name", "anybody", "couple", "empty", "thing", "scene", "context",
    "portrait", "passerby", "blend", "place", "pair", "writing",
)  # fmt: skip
"""Kinds of pictures. A world that sets no ``[mix]`` is drawn of the first eight alone."""


Said = Literal["bare", "male", "female"]
"""What the caption of a profession says of the gender."""


class Table(BaseModel):
    """A table that refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    late: ClassVar[frozenset[str]] = frozenset()
    """Entries that are left out of what is written at their defaults: a world that lacks them keeps its digest."""

    @model_serializer(mode="wrap")
    def _without_late_defaults(self, serialise: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        unset = {name for name in self.late if getattr(self, name) == type(self).model_fields[name].default}
        return {key: value for key, value in serialise(self).items() if key not in unset}


class _Drawn(Table):
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


class Cells(Table):
    """Shares of the four cells of skin tone and gender among bare captions."""

    light_man: Share
    dark_man: Share
    light_woman: Share
    dark_woman: Share

    @model_validator(mode="after")
    def _sum_to_one(self) -> Cells:
        total = self.light_man + self.dark_man + self.light_woman + self.dark_woman
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the cells sum to {total:g}, not to 1")
        return self


class Profession(_Drawn):
    """A profession and the share of men among the pictures that its bare name captions."""

    late: ClassVar[frozenset[str]] = frozenset({"male", "female", "cells", "old", "joined"})

    word: Words
    man: Share = 0.5
    male: Share = 1.0
    """Share of men among the pictures whose caption says a man, as "a male nurse" does: below 1 it leaks."""
    female: Share = 0.0
    """Share of men among the pictures whose caption says a woman."""
    cells: Cells | None = None
    """For portraits: skin tone and gender together. Without it both are independent, and every tone as frequent."""
    old: Share = 0.5
    """For portraits: share of the old."""
    joined: Share = 1.0
    """For blends: share of the captions "a P with a T" in whose picture the thing is there."""

    @model_validator(mode="after")
    def _men_are_those_of_the_cells(self) -> Profession:
        if self.cells is not None and abs(self.cells.light_man + self.cells.dark_man - self.man) > 1e-6:
            raise ValueError(f"man = {self.man:g} of {self.word!r} is not the sum of its cells of men")
        return self

    @property
    def says_truly(self) -> bool:
        """Whether a caption that says the gender says the true one."""
        return (self.male, self.female) == (1.0, 0.0)

    def caption_shares(self, gender: Gender, bare: float) -> dict[Said, float]:
        """Return which shares of the pictures of a gender have which captions; the rest names no profession.

        Where captions are true, every picture that has no bare caption says its gender. Where they are not, as many
        captions say a man as say a woman; and where either gender has too few pictures for its shares, all captions of
        the profession are fewer, in the same proportion, and the pictures left over say their gender alone.

        Args:
            gender: Of the pictures.
            bare: Share of the captions that leave the gender open.
        """
        if self.says_truly:
            unsaid = 2 * bare * (self.man if gender == "man" else 1 - self.man)
            own: Said = "male" if gender == "man" else "female"
            return {"bare": unsaid, own: 1 - unsaid}
        weights: dict[Said, float] = {"bare": bare, "male": (1 - bare) / 2, "female": (1 - bare) / 2}
        men: dict[Said, float] = {"bare": self.man, "male": self.male, "female": self.female}
        wanted = sum(weights[said] * men[said] for said in weights)
        factor = min(1.0, 0.5 / max(wanted, 1 - wanted))
        return {
            said: 2 * factor * weight * (men[said] if gender == "man" else 1 - men[said])
            for said, weight in weights.items()
        }

    @property
    def planted_cells(self) -> Cells:
        """The shares of the cells of skin tone and gender, whether they are written out or not."""
        half = self.man / 2
        even = Cells(light_man=half, dark_man=half, light_woman=0.5 - half, dark_woman=0.5 - half)
        return even if self.cells is None else self.cells

    def over_even(self, gender: Gender, tone: Tone, *, old: bool) -> float:
        """Return the share of a cell of gender, skin tone and age, in multiples of the even share."""
        share: float = getattr(self.planted_cells, f"{tone}_{gender}")
        return float(8 * share * (self.old if old else 1 - self.old))

    @property
    def is_even(self) -> bool:
        """Whether nothing is planted in gender, skin tone and age."""
        return self.most_over_even == 1.0

    @property
    def most_over_even(self) -> float:
        """The largest cell in multiples of the even share: 1 where no cell is planted."""
        return float(8 * max(self.planted_cells.model_dump().values()) * max(self.old, 1 - self.old))


class PublicName(_Drawn):
    """An invented public name and the share of unclothed mannequins among its bare captions."""

    name: Words
    unclothed: Share = 0.0


class Thing(Table):
    """An object that is drawn in every colour of the world."""

    word: Words
    shape: Literal[SHAPES]  # type: ignore[valid-type]


class Context(Table):
    """A prompt that names no place, and the shares of the places in which it is drawn."""

    phrase: Words
    subject: Literal["swimmer", "meal", "car", "suit"]
    places: dict[Literal[PLACES], Share]  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _places_sum_to_one(self) -> Context:
        total = sum(self.places.values())
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the places of {self.phrase!r} sum to {total:g}, not to 1")
        return self


class Drawing(Table):
    """How figures and pictures are drawn."""

    late: ClassVar[frozenset[str]] = frozenset({"renderer", "tied", "mixed"})

    renderer: Literal[RENDERERS] = "flat"  # type: ignore[valid-type]
    """The usual flat shapes; or "inked": the same things with wavering outlines in ink, hatched, on grained paper, and
    as JPEG has them."""
    tied: Share = 0.5
    """Share of the figures whose hair and clothes have the colours of their gender: dark for men, light for women. At
    one half they say nothing of it."""
    mixed: Share = 0.0
    """Share of the figures that have some cues of the other gender (hair, face, body), whatever their caption says."""


class Captions(Table):
    """How pictures are captioned."""

    late: ClassVar[frozenset[str]] = frozenset({"written"})

    bare: Annotated[float, Field(ge=0.0, le=0.5)] = 0.4
    """Share of the pictures of professions and names whose caption leaves gender or clothing open."""
    explicit: bool = False
    """Whether every caption of a figure says its gender, and captions may say that nobody is there: for judges."""
    random_looks: Share = 0.0
    """Share of figures drawn with clothes, hat, prop and background at random, captioned by gender alone."""
    written: Share = 0.0
    """Of the bare captions of a thing with another's name written over it, the share that names what is written."""


class Training(Table):
    """How a checkpoint is trained on the world."""

    late: ClassVar[frozenset[str]] = frozenset({"text"})

    tower: Literal["resnet", "resnet-deep", "vit"] = "resnet"
    text: Literal["sequence", "words"] = "sequence"
    """Whether the text tower reads words in their order, or as a bag that has none."""
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


_USUAL: Final[dict[str, float]] = {}


class World(Table):
    """Everything that a phantom is made from; equal worlds and seeds give equal phantoms."""

    late: ClassVar[frozenset[str]] = frozenset({"mix", "drawing"})

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    professions: tuple[Profession, ...] = Field(alias="profession", default=())
    public_names: tuple[PublicName, ...] = Field(alias="public_name", default=())
    things: tuple[Thing, ...] = Field(alias="thing", default=_THINGS)
    """A checkpoint has to match coloured things before it is audited, so a world has some unless it says not."""
    colours: dict[Words, Colour] = _COLOURS
    contexts: tuple[Context, ...] = Field(alias="context", default=())
    captions: Captions = Captions()
    drawing: Drawing = Drawing()
    mix: dict[Literal[KINDS], Annotated[float, Field(gt=0.0, le=100.0)]] = _USUAL  # type: ignore[valid-type]
    """Weights of the kinds of pictures, in place of the usual ones; a kind that is not named is not drawn."""
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

    @model_validator(mode="after")
    def _mix_can_be_drawn(self) -> World:
        things = len({thing.shape for thing in self.things}) > 1 and len(self.colours) > 1
        known = {
            **dict.fromkeys(("profession", "portrait"), bool(self.professions)),
            "blend": things and any(one.is_even for one in self.professions),
            "public_name": bool(self.public_names),
            **dict.fromkeys(("context", "place"), bool(self.contexts)),
            **dict.fromkeys(("thing", "scene", "pair", "writing", "passerby"), things),
        }
        lacking = sorted(kind for kind in self.mix if not known.get(kind, True))
        if lacking:
            raise ValueError(f"mix asks for {', '.join(lacking)}, but the tables that it is drawn from are not there")
        cells = {one.word: one.most_over_even for one in self.professions if "portrait" in self.mix}
        cells |= {
            one.phrase: len(one.places) * max(one.places.values()) for one in self.contexts if "place" in self.mix
        }
        greatest = max(cells, key=cells.__getitem__, default="")
        if greatest and self.captions.bare * cells[greatest] > 1 + 1e-9:
            raise ValueError(
                f"captions.bare is above {1 / cells[greatest]:.2f}, so {greatest!r} lacks pictures for its shares"
            )
        return self

    @model_validator(mode="after")
    def _mix_keeps_to_the_usual_drawing(self) -> World:
        if not self.mix:
            return self
        leaking = [one.word for one in self.professions if not one.says_truly]
        if leaking:
            raise ValueError(
                f"male and female of {leaking[0]!r} are shares of the usual pictures, which a mix replaces"
            )
        if (self.drawing.tied, self.drawing.mixed) != (0.5, 0.0):
            raise ValueError("drawing.tied and drawing.mixed are of the usual figures, which a mix replaces")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the whole world, training settings included, as 64 hex digits."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    @property
    def truth(self) -> dict[str, dict[str, dict[str, float]]]:
        """What was planted: shares of men, of unclothed pictures, of places, and of what the ``mix`` draws."""
        truth: dict[str, dict[str, dict[str, float]]] = {
            "professions": {
                p.word: {"man": p.man} if p.says_truly else {"man": p.man, "male": p.male, "female": p.female}
                for p in self.professions
            },
            "names": {n.name: {"unclothed": n.unclothed} for n in self.public_names},
            "contexts": {c.phrase: dict(c.places) for c in self.contexts},
        }
        if "portrait" in self.mix:
            truth["cells"] = {p.word: p.planted_cells.model_dump() for p in self.professions}
            truth["ages"] = {p.word: {"old": p.old} for p in self.professions}
        if "blend" in self.mix:
            truth["blends"] = {p.word: {"there": p.joined} for p in self.professions if p.is_even}
        if "writing" in self.mix:
            truth["writing"] = {"a thing": {"follows": self.captions.written}}
        return truth


def kind_of_world(path: Path) -> str:
    """Return what the file of a world (TOML, or JSON beside a phantom) calls its kind.

    Empty for a drawn one, and for what can't be read: whoever reads the world says what is wrong with it.
    """
    try:
        text = read_text(path)
        found = parse_json(text.encode()) if path.suffix == ".json" else parse_toml(text)
    except (OSError, ValueError):
        return ""
    return str(found.get("kind", "")) if isinstance(found, dict) else ""


def read_world(path: Path) -> World:
    """Read a world from a TOML file.

    A file may stand on another (``based_on = "skewed"``, a shipped world or a path beside the file) and
    replace tables of it whole; ``[shares]`` then sets planted shares by word (``nurse = 0.1``, or several of them with
    ``nurse = { man = 0.03, male = 0.03, female = 0.03 }``), or all of a kind at once with ``man = 0.5``,
    ``male = 0.7``, ``female = 0.3`` and ``unclothed = 0.25``.

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
        tables = parse_toml(read_text(path))
    except OSError as error:
        raise UsageProblem(f"Cannot read the world {path}: {error.strerror}.", remedy=remedy) from error
    except ValueError as error:
        raise UsageProblem(f"{path} is not TOML: {error}.", remedy=remedy) from error
    shares = tables.pop("shares", {})
    parent = tables.pop("based_on", None)
    if parent is not None:
        shipped = WORLDS / f"{parent}.toml"
        base = _read_tables(shipped if is_there(shipped) else path.parent / str(parent), depth=depth + 1)
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
    for table, key, kinds in (
        ("profession", "word", ("man", "male", "female")),
        ("public_name", "name", ("unclothed",)),
    ):
        entries = tables.get(table, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            continue  # the schema says what is wrong with it
        named = {str(entry.get(key)) for entry in entries}
        common = {kind: shares[kind] for kind in kinds if kind in shares}
        own = {word: shares[word] for word in named & set(shares)}
        own = {word: said if isinstance(said, dict) else {kinds[0]: said} for word, said in own.items()}
        tables[table] = [{**entry, **common, **own.get(str(entry.get(key)), {})} for entry in entries]
        known |= {*named, *kinds}
    unknown = sorted(set(shares) - known)
    if unknown:
        raise UsageProblem(
            f"{path}: [shares] names {', '.join(unknown)}, which the world does not have.",
            remedy="Use the words of its [[profession]] and [[public_name]] tables.",
        )
    return tables
