"""How far a run is: the protocol of whoever shows it."""

from __future__ import annotations

from typing import Literal, Protocol, final, runtime_checkable

Event = Literal["planned", "shard_done", "judged", "decided"]
"""What is planned; a shard of images is stored; a judge has looked at all images; a decision is written."""


@runtime_checkable
class Progress(Protocol):
    """Shows stages and the work done in them."""

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """A stage of ``total`` pieces begins, ``done`` of which are there already."""

    def advance(self, count: int) -> None:
        """``count`` more pieces are done."""

    def say(self, text: str) -> None:
        """Something a person should know."""

    def happened(self, event: Event, **facts: object) -> None:
        """Something a program may wait for."""


@final
class Silence:
    """Shows nothing."""

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def happened(self, event: Event, **facts: object) -> None:
        """Say nothing."""
