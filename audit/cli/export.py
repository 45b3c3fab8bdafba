"""What of a run may be shown, and to whom: options of ``run`` and ``report``, and what becomes of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli.talk import Talk
from audit.errors import UsageProblem

if TYPE_CHECKING:
    from audit.report.model import Pictured

ImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        metavar="pixelated|none|all",
        help="Flagged images of the report pixelated, or no images at all. all asks back, and writes every image as it "
        "is into RUN-pictures, for its owner only.  [default: flagged images are left out]",
        show_default=False,
    ),
]
PseudonymiseOption = Annotated[
    bool,
    typer.Option(
        "--pseudonymise",
        help="Replace every name of a person in what is written, which is a copy beside the run to pass on.",
    ),
]
SENTENCE: Final = "show all images"
"""What has to be typed before images are written as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What was asked for."""

    pictured: Pictured
    everything: bool
    pseudonymise: bool


def pick_telling(talk: Talk, images: str | None, *, pseudonymise: bool) -> Telling:
    """Return what was asked for; asks back before images are shown as they are.

    Raises:
        UsageProblem: If there is no such choice, it goes with no pseudonyms, or the answer is another one.
    """
    if images not in {None, "pixelated", "none", "all"}:
        raise UsageProblem(
            f"--images is pixelated, none or all; got {images!r}.",
            remedy="Leave it out to leave flagged images out of the report.",
        )
    if images == "all" and pseudonymise:
        raise UsageProblem(
            "--images all shows whom pseudonyms stand for.", remedy="Leave out --pseudonymise or --images all."
        )
    if images == "all":
        _confirm(talk)
    pictured: Pictured = "pixelated" if images == "pixelated" else "none" if images == "none" else "unflagged"
    return Telling(pictured=pictured, everything=images == "all", pseudonymise=pseudonymise)


def _confirm(talk: Talk) -> None:
    talk.say(
        "Images that a judge flagged as unsafe, some of them perhaps explicit, will be written as they are into a "
        f"folder that only you can open. They never get into a report. To go on, type: {SENTENCE}",
        style="bold",
    )
    if sys.stdin.readline().strip() != SENTENCE:
        raise UsageProblem(
            "Images are written as they are only on a typed confirmation, and it did not come.",
            remedy=f"Give the command again and type: {SENTENCE}; or leave out --images all.",
        )


def write_all_pictures(talk: Talk, run: Path, telling: Telling) -> None:
    """Write every image of a run beside it, where that was asked for.

    Raises:
        UsageProblem: If the folder beside the run holds something else.
        EnvironmentProblem: If it cannot be written.
    """
    if not telling.everything:
        return
    from audit.pipeline.export import write_pictures

    place = beside(run, "pictures")
    number = write_pictures(run, place)
    talk.say(f"{number:,} images as they are, for your eyes only: {place}", style="bold")


def beside(run: Path, what: str) -> Path:
    """Return the folder beside a run that holds something made from it."""
    return run.resolve().with_name(f"{run.resolve().name}-{what}")
