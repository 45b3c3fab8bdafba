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
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, ValidationError, model_validator

from audit.errors import UsageProblem
from audit.packaged import WORLDS
from audit.phantom.tables import (
    KINDS,
    Captions,
    Colour,
    Context,
    Profession,
    PublicName,
    Table,
    Thing,
    Training,
    Words,
)

_THINGS: Final = tuple(Thing(word=shape, shape=shape) for shape in ("ball", "apple", "box", "car", "house", "cup"))
_COLOURS: Final = {"red": "#d5231f", "green": "#2f9e3c", "blue": "#2450d0", "yellow": "#f2c81f"}


_USUAL: Final[dict[str, float]] = {}


class World(Table):
    """Everything that a phantom is made from; equal worlds and seeds give equal phantoms."""

    late: ClassVar[frozenset[str]] = frozenset({"mix"})

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    professions: tuple[Profession, ...] = Field(alias="profession", default=())
    public_names: tuple[PublicName, ...] = Field(alias="public_name", default=())
    things: tuple[Thing, ...] = Field(alias="thing", default=_THINGS)
    """A checkpoint has to match coloured things before it is audited, so a world has some unless it says not."""
    colours: dict[Words, Colour] = _COLOURS
    contexts: tuple[Context, ...] = Field(alias="context", default=())
    captions: Captions = Captions()
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

    @property
    def digest(self) -> str:
        """SHA-256 of the whole world, training settings included, as 64 hex digits."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    @property
    def truth(self) -> dict[str, dict[str, dict[str, float]]]:
        """What was planted: shares of men, of unclothed pictures, of places, and of what the ``mix`` draws."""
        truth: dict[str, dict[str, dict[str, float]]] = {
            "professions": {p.word: {"man": p.man} for p in self.professions},
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
