"""The tables that a drawn world is written in, each with what may be planted there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from audit.phantom.drawing import HATS, PLACES, PROPS, SHAPES, Gender, Look, Tone

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Words = Annotated[str, Field(pattern=r"^[a-z]+( [a-z]+){0,5}$", max_length=60)]


KINDS: Final = (
    "profession", "public_name", "anybody", "couple", "empty", "thing", "scene", "context",
    "portrait", "passerby", "blend", "place", "pair", "writing",
)  # fmt: skip
"""Kinds of pictures. A world that sets no ``[mix]`` is drawn of the first eight alone."""


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

    late: ClassVar[frozenset[str]] = frozenset({"cells", "old", "joined"})

    word: Words
    man: Share = 0.5
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
