"""Contact sheets: typical pictures of each concept, chosen by a rule, with flagged ones left out or pixelated."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from PIL import Image

from audit.evidence import Evidence
from audit.lenses import CARDS, QUESTIONS, MetricCard
from audit.parsing import open_picture
from audit.records import Finding, Status
from audit.report.findings import interval_of, is_measured, is_whole, value_of
from audit.report.model import WHOLE_ROOM, ContactSheet, Picture, Pictured, ReportInput
from audit.report.text import clean, count, show_number

FLAGGED_FROM: Final = 0.5
"""A picture with an ``unsafe`` score of this or more, by any judge, is never shown as it is."""
_SIDE = 128
_KEY = ["prompt_id", "replicate"]
_SQUARES = 8
"""Squares along a side of a pixelated picture: colours are left, and no shape of a body or a face."""
_NO_PICTURE: Final = "No picture is shown, as was asked for (--images none)."
_AMONG: Final[Mapping[Pictured, str]] = {
    "unflagged": "among pictures that a judge screened and none flagged.",
    "pixelated": (
        f"among pictures that a judge screened. One that a judge flagged is shown as {_SQUARES} by {_SQUARES} squares, "
        "each in its mean colour."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    key: tuple[str, int]
    concept: str
    text: str
    detail: str
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What stands below the pictures of a suite: readings of the judge behind a metric, and its numbers."""

    card: MetricCard
    findings: Mapping[str, Finding]
    """Of the metric, by concept."""


def what_is_told(findings: Sequence[Finding], evidence: Evidence, written_for: Collection[str]) -> Told | None:
    """Return the metric that pictures of a suite are shown with: of its own lens, where there is a choice.

    Args:
        findings: On the suite.
        evidence: Tables of the run.
        written_for: The lenses that the suite is written for.

    Returns:
        ``None`` where no judge gave the reading that a metric rests on.
    """
    own = {lens for lens in written_for if any(f.lens == lens and f.metric in CARDS for f in findings)}
    for card in sorted(CARDS.values(), key=lambda card: card.name.partition(".")[0] not in own):
        told = {f.subject: f for f in findings if f.metric == card.name and is_measured(f) and not is_whole(f)}
        if told and readings_of(evidence, card) is not None:
            return Told(card=card, findings=told)
    return None


def readings_of(evidence: Evidence, card: MetricCard) -> pd.DataFrame | None:
    """Return prompt_id, replicate and ``reading``: the score that a metric rests on, by the first judge that gave it.

    ``None`` where no judge did, or the metric rests on no score of single images.
    """
    score = card.explained.score if card.explained is not None else ""
    judge = next((name for name, one in evidence.judges.items() if QUESTIONS.get(card.name) in one.asks), None)
    if judge is None or score not in evidence.scores[judge].columns:
        return None
    return evidence.scores[judge][[*_KEY, score]].rename(columns={score: "reading"})


def make_sheet(
    source: ReportInput, suite: str, *, told: Told | None = None, most: int = WHOLE_ROOM.pictures
) -> ContactSheet | None:
    """Choose and read the pictures of one suite, in one call and none but those that are shown.

    Args:
        source: Evidence, what reads pictures, and which may be shown.
        suite: Name of the suite.
        told: What stands below them; without it, the picture of a concept is that of the median own cosine.
        most: Pictures at most; of the first concepts in the order of the alphabet.

    Returns:
        The sheet, also where nothing may be shown (it then says why); ``None`` if the suite asks after no concept.
    """
    evidence, pictured = source.evidence, source.pictured
    asked = _asked(evidence, suite)
    if asked.empty:
        return None
    if pictured == "none":
        return ContactSheet(rule=_NO_PICTURE, left_out=(), pictures=())
    screened = unsafe_scores(evidence, asked)
    hidden = screened["concept"].isin(list(source.unpictured))
    choices = _choose(_with_readings(screened[~hidden], evidence, told), told, pictured=pictured)
    shown = choices[:most]
    files = source.read_pictures([choice.key for choice in shown]) if shown else {}
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
    return ContactSheet(rule=_rule(told, pictured), left_out=left_out, pictures=pictures)


def _rule(told: Told | None, pictured: Pictured) -> str:
    by = "whose own cosine is nearest to the median of the concept's converged pictures"
    if told is None or told.card.explained is None:
        return f"Of each concept, the picture {by}; {_AMONG[pictured]}"
    by = "whose reading by the judge is nearest to the median of the concept's converged pictures"
    return (
        f"Of each concept, the picture {by}; {_AMONG[pictured]} Below each: what the judge reads in it (high: "
        f"{told.card.explained.towards}); all: {told.card.noun} over all wordings, with its interval; each: the least "
        "and the greatest reading of a single wording. The name leads to the numbers of the concept, and back."
    )


def _with_readings(images: pd.DataFrame, evidence: Evidence, told: Told | None) -> pd.DataFrame:
    """Add ``reading``; NaN where there is none."""
    readings = None if told is None else readings_of(evidence, told.card)
    return images.assign(reading=float("nan")) if readings is None else images.merge(readings, on=_KEY, how="left")


def _asked(evidence: Evidence, suite: str) -> pd.DataFrame:
    asked = asking_images(evidence)
    return asked[asked["suite"] == suite].drop(columns="suite").reset_index(drop=True)


def asking_images(evidence: Evidence) -> pd.DataFrame:
    """Return the images of the prompts that ask or compare, with suite, concept and text; no controls."""
    prompts = evidence.prompts
    wanted = prompts[prompts["role"].isin(["subject", "reference"])]
    return evidence.images.merge(wanted[["prompt_id", "suite", "concept", "text"]], on="prompt_id", how="inner")


def may_be_shown(screened: pd.DataFrame, *, pictured: Pictured, unpictured: Collection[str] = ()) -> pd.Series[bool]:
    """Tell of each image whether people may see it in a report: converged, screened by a judge, and flagged by none.

    Args:
        screened: Images with their concept and what :func:`unsafe_scores` adds.
        pictured: With "pixelated" flagged ones may be shown too, as coarse squares; with "none" no image may.
        unpictured: Concepts of which no image is shown.
    """
    converged = screened["status"] == Status.CONVERGED.value
    allowed = screened["unsafe"].notna() if pictured == "pixelated" else screened["unsafe"] < FLAGGED_FROM
    return converged & allowed & ~screened["concept"].isin(list(unpictured)) & (pictured != "none")


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


def _choose(screened: pd.DataFrame, told: Told | None, *, pictured: Pictured) -> list[_Choice]:
    converged = screened[screened["status"] == Status.CONVERGED.value]
    by = ["reading", "own_cosine"]
    apart = (converged[by] - converged.groupby("concept")[by].transform("median")).abs()
    near = converged.assign(unread=apart["reading"], unlike=apart["own_cosine"])
    near = near[may_be_shown(near, pictured=pictured)]
    nearest = near.sort_values(["concept", "unread", "unlike", *_KEY]).drop_duplicates("concept")
    wordings = converged.groupby(["concept", "prompt_id"])["reading"].mean().groupby("concept").agg(["min", "max"])
    return [
        _Choice(
            key=(str(row["prompt_id"]), int(row["replicate"])),
            concept=str(row["concept"]),
            text=str(row["text"]),
            detail=_detail(row, told, wordings.loc[row["concept"]]),
            flagged=bool(row["unsafe"] >= FLAGGED_FROM),
        )
        for row in nearest.to_dict("records")
    ]


def _detail(row: Mapping[Hashable, object], told: Told | None, wordings: pd.Series[float]) -> str:
    reading = float(str(row["reading"]))
    if told is None or math.isnan(reading):
        return f"own cosine {show_number(float(str(row['own_cosine'])))}"
    least, greatest = (show_number(float(wordings[end]), signed=told.card.signed) for end in ("min", "max"))
    finding = told.findings.get(str(row["concept"]))
    return "\n".join(
        (
            f"reads {show_number(reading, signed=told.card.signed)}",
            *([f"all: {value_of(finding)} ({interval_of(finding)})"] if finding is not None else []),
            *([f"each: {least} to {greatest}"] if least != greatest else []),
        )
    )


def _make_pictures(choices: Sequence[_Choice], files: Mapping[tuple[str, int], bytes]) -> tuple[Picture, ...]:
    pictures = []
    for choice in choices:
        jpeg = shrink(files.get(choice.key, b""), pixelated=choice.flagged)
        if jpeg is None:
            continue
        hint = " (pixelated, because a judge flagged it)" if choice.flagged else ""
        pictures.append(
            Picture(
                label=clean(choice.concept, longest=80),
                detail=f"{choice.detail}\nflagged, pixelated" if choice.flagged else choice.detail,
                alternative=f"Inversion of the text: {clean(choice.text)}{hint}",
                jpeg=jpeg,
            )
        )
    return tuple(pictures)


def shrink(png: bytes, *, pixelated: bool, side: int = _SIDE, quality: int = 88) -> bytes | None:
    """Re-encode a picture as a small JPEG without metadata; ``None`` if it is no PNG of a sane size.

    Args:
        png: The whole file.
        pixelated: Whether it becomes coarse squares.
        side: Most pixels a side.
        quality: Of the JPEG, as pillow counts it.
    """
    try:
        small = open_picture(png, kinds=("PNG",))
    except ValueError:
        return None
    if pixelated:
        squares = small.resize((_SQUARES, _SQUARES), Image.Resampling.BOX)
        small = squares.resize((side, side), Image.Resampling.NEAREST)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _jpeg(small, quality)


def side_by_side(pngs: Sequence[bytes], *, side: int, quality: int) -> bytes | None:
    """Return pictures in a row, as a small JPEG without metadata; ``None`` if one is no PNG of a sane size.

    Args:
        pngs: The whole files, at least one.
        side: Most pixels a side of each.
        quality: Of the JPEG, as pillow counts it.
    """
    try:
        opened = [open_picture(png, kinds=("PNG",)) for png in pngs]
    except ValueError:
        return None
    for picture in opened:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    row = Image.new("RGB", (side * len(opened), side), "white")
    for place, picture in enumerate(opened):
        row.paste(picture, (place * side + (side - picture.width) // 2, (side - picture.height) // 2))
    return _jpeg(row, quality)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    held = io.BytesIO()
    picture.save(held, format="JPEG", quality=quality, optimize=True)
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
