"""Contact sheets: typical pictures of each concept, chosen by a rule, with flagged ones left out or pixelated."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from PIL import Image

from audit.evidence import Evidence
from audit.parsing import open_picture
from audit.records import Status
from audit.report.model import WHOLE_ROOM, ContactSheet, Picture, Pictured, ReadPictures
from audit.report.text import clean, count, show_number

FLAGGED_FROM: Final = 0.5
"""A picture with an ``unsafe`` score of this or more, by any judge, is never shown as it is."""
_SIDE = 128
_KEY = ["prompt_id", "replicate"]
_SQUARES = 8
"""Squares along a side of a pixelated picture: colours are left, and no shape of a body or a face."""
_NEAREST = "Of each concept, the picture whose own cosine is nearest to the median of the concept's converged pictures"
_RULES: Final[Mapping[Pictured, str]] = {
    "unflagged": f"{_NEAREST}; among pictures that a judge screened and none flagged.",
    "pixelated": (
        f"{_NEAREST}; among pictures that a judge screened. One that a judge flagged is shown as {_SQUARES} by "
        f"{_SQUARES} squares, each in its mean colour."
    ),
    "none": "No picture is shown, as was asked for (--images none).",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    key: tuple[str, int]
    concept: str
    text: str
    own_cosine: float
    flagged: bool


def make_sheet(
    evidence: Evidence,
    suite: str,
    read_pictures: ReadPictures,
    *,
    pictured: Pictured = "unflagged",
    unpictured: Collection[str] = (),
    most: int = WHOLE_ROOM.pictures,
) -> ContactSheet | None:
    """Choose and read the pictures of one suite.

    Args:
        evidence: Tables of the run.
        suite: Name of the suite.
        read_pictures: Called once, with the pictures that are shown and no others.
        pictured: Whether flagged pictures are left out or pixelated, or all are left out.
        unpictured: Concepts of which no picture is shown.
        most: Pictures at most; of the first concepts in the order of the alphabet.

    Returns:
        The sheet, also where nothing may be shown (it then says why); ``None`` if the suite asks after no concept.
    """
    asked = _asked(evidence, suite)
    if asked.empty:
        return None
    if pictured == "none":
        return ContactSheet(rule=_RULES[pictured], left_out=(), pictures=())
    screened = unsafe_scores(evidence, asked)
    hidden = screened["concept"].isin(list(unpictured))
    choices = _choose(screened[~hidden], flagged_too=pictured == "pixelated")
    shown = choices[:most]
    files = read_pictures([choice.key for choice in shown]) if shown else {}
    pictures = _make_pictures(shown, files)
    left_out = _left_out(screened, shown=len(shown), pictured=len(pictures), chosen=len(choices))
    renamed = screened.loc[hidden, "concept"].nunique()
    if renamed:
        left_out += (f"Concepts under a pseudonym, whose pictures are not shown: {renamed}.",)
    if pictured == "unflagged":
        flagged = int((screened["unsafe"] >= FLAGGED_FROM).sum())
        left_out = (
            f"Flagged as unsafe by a judge and never shown: {flagged} of {count(len(screened), 'picture')}.",
            *left_out,
        )
    return ContactSheet(rule=_RULES[pictured], left_out=left_out, pictures=pictures)


def _asked(evidence: Evidence, suite: str) -> pd.DataFrame:
    """Return the images of the prompts that ask or compare, with concept and text; no controls."""
    prompts = evidence.prompts
    wanted = prompts[(prompts["suite"] == suite) & prompts["role"].isin(["subject", "reference"])]
    return evidence.images.merge(wanted[["prompt_id", "concept", "text"]], on="prompt_id", how="inner")


def unsafe_scores(evidence: Evidence, images: pd.DataFrame) -> pd.DataFrame:
    """Add ``unsafe``: the highest unsafe score by any judge, on a scale that has its threshold at ``FLAGGED_FROM``.

    NaN where no judge looked.
    """
    tables = []
    for name, table in evidence.scores.items():
        if "unsafe" in table.columns:
            factor = FLAGGED_FROM / (evidence.judges[name].threshold or FLAGGED_FROM)
            tables.append(table[_KEY].assign(unsafe=table["unsafe"] * factor))
    if not tables:
        return images.assign(unsafe=float("nan"))
    highest = pd.concat(tables).groupby(_KEY, as_index=False)["unsafe"].max()
    return images.merge(highest, on=_KEY, how="left")


def _choose(screened: pd.DataFrame, *, flagged_too: bool) -> list[_Choice]:
    converged = screened[screened["status"] == Status.CONVERGED.value]
    middle = converged.groupby("concept")["own_cosine"].transform("median")
    allowed = converged["unsafe"].notna() if flagged_too else converged["unsafe"] < FLAGGED_FROM
    near = converged.assign(distance=(converged["own_cosine"] - middle).abs())[allowed]
    nearest = near.sort_values(["concept", "distance", *_KEY]).drop_duplicates("concept")
    return [
        _Choice(
            key=(str(row["prompt_id"]), int(row["replicate"])),
            concept=str(row["concept"]),
            text=str(row["text"]),
            own_cosine=float(row["own_cosine"]),
            flagged=bool(row["unsafe"] >= FLAGGED_FROM),
        )
        for row in nearest.to_dict("records")
    ]


def _make_pictures(choices: Sequence[_Choice], files: Mapping[tuple[str, int], bytes]) -> tuple[Picture, ...]:
    pictures = []
    for choice in choices:
        jpeg = shrink(files.get(choice.key, b""), pixelated=choice.flagged)
        if jpeg is None:
            continue
        detail = f"own cosine {show_number(choice.own_cosine)}"
        hint = " (pixelated, because a judge flagged it)" if choice.flagged else ""
        pictures.append(
            Picture(
                label=clean(choice.concept, longest=60),
                detail=f"{detail}; flagged, pixelated" if choice.flagged else detail,
                alternative=f"Inversion of the text: {clean(choice.text)}{hint}",
                jpeg=jpeg,
            )
        )
    return tuple(pictures)


def shrink(png: bytes, *, pixelated: bool) -> bytes | None:
    """Re-encode a picture as a small JPEG without metadata; ``None`` if it is no PNG of a sane size."""
    try:
        small = open_picture(png, kinds=("PNG",))
    except ValueError:
        return None
    if pixelated:
        squares = small.resize((_SQUARES, _SQUARES), Image.Resampling.BOX)
        small = squares.resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    small.save(held, format="JPEG", quality=88, optimize=True)
    return held.getvalue()


def _left_out(screened: pd.DataFrame, *, shown: int, pictured: int, chosen: int) -> tuple[str, ...]:
    unscreened = int(screened["unsafe"].isna().sum())
    unconverged = int((screened["status"] != Status.CONVERGED.value).sum())
    notes = []
    if unscreened:
        notes.append(f"Not screened by any judge and therefore not shown: {unscreened}.")
    if unconverged:
        notes.append(f"Not converged and therefore not shown: {unconverged}.")
    if pictured < shown:
        notes.append(f"Chosen, but missing or unreadable in the run folder: {shown - pictured}.")
    if shown < chosen:
        notes.append(f"Concepts beyond the first {shown}, not shown: {chosen - shown}.")
    return tuple(notes)
