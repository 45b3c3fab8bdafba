"""How much of a suite a report shows: the more suites, the less of each, so that the whole can be read and made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FEW_SUITES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The most that is shown of one suite; what a caption says is left out is in ``tables/``."""

    rows: int = 200
    """Of a table."""
    figure_rows: int = 40
    """Concepts of a figure."""
    pictures: int = 60
    """Of a contact sheet."""


WHOLE_ROOM: Final = Room()
_LEAST: Final = Room(rows=20, figure_rows=10, pictures=6)


def room_for(suites: int) -> Room:
    """Return the room of each of so many suites: whole for ten at most, and then as much for all together.

    Example:
        >>> room_for(3) == room_for(10) == WHOLE_ROOM
        True
        >>> room_for(50)
        Room(rows=40, figure_rows=10, pictures=12)
    """
    part = min(1.0, _FEW_SUITES / max(1, suites))
    return Room(
        rows=max(_LEAST.rows, round(part * WHOLE_ROOM.rows)),
        figure_rows=max(_LEAST.figure_rows, round(part * WHOLE_ROOM.figure_rows)),
        pictures=max(_LEAST.pictures, round(part * WHOLE_ROOM.pictures)),
    )


def told_of_room(suites: int) -> tuple[str, ...]:
    """Say what of each suite is shown, where that is less than all."""
    room = room_for(suites)
    if room == WHOLE_ROOM:
        return ()
    return (
        (
            f"Because {suites} suites were asked, each is told in tables of at most {room.rows} rows, figures of at "
            f"most {room.figure_rows} concepts, and {room.pictures} pictures. Every number is in tables/ and in "
            "findings.json."
        ),
    )
