"""Pictures of two runs side by side: of the concepts that changed most, made from the same text and noise by both."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from audit.evidence import Evidence, RunFolder, load_evidence, read_pictures, read_run
from audit.lenses import CARDS, WHOLE_SUITE, MetricCard
from audit.pairing.paired_changes import RUN_NAMES
from audit.records import Change
from audit.report.explorer import (
    MOST_PICTURES,
    THUMB_QUALITY,
    THUMB_SIDE,
    Gallery,
    Key,
    count_column,
    keys_of,
    number_column,
    thumbnails,
    words_column,
)
from audit.report.images import asking_images, may_be_shown, readings_of, shrink, side_by_side, unsafe_scores
from audit.report.model import Picture, Strip
from audit.report.text import clean, count, show_number

MOST_CONCEPTS: Final = 3
"""Of which pictures are shown."""
_KEY: Final = ["prompt_id", "replicate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pictures of both runs; nothing where no judge read any that both may show."""

    strip: Strip | None = None
    """Of the concepts that changed most, a pair each."""
    gallery: Gallery | None = None
    """Of every concept, to look closer: both pictures of a pair in one file, the baseline's on the left."""


def paired_pictures(baseline: Path, candidate: Path, changes: Sequence[Change]) -> Pairs:
    """Choose and read pictures of two runs that both may show, as the first measure reads them that has any.

    Args:
        baseline: Folder of a finished run.
        candidate: Folder of the other one, of the same prompts and seeds.
        changes: What changed, what matters most first.
    """
    runs = [read_run(folder, finished=True) for folder in (baseline, candidate)]
    both = [load_evidence(run) for run in runs]
    for card in sorted((card for card in CARDS.values() if card.explained), key=lambda card: not card.leading):
        concepts = [change for change in changes if change.metric == card.name and change.subject != WHOLE_SUITE]
        read = _both_read(both, card)
        chosen = [] if read is None else list(_chosen(concepts, read))
        keys = [(str(row["prompt_id"]), int(str(row["replicate"]))) for row in chosen]
        files = [read_pictures(run, keys) for run in runs] if keys else []
        pairs = [
            _pair(row, [of[key] for of in files if key in of], card) for row, key in zip(chosen, keys, strict=True)
        ]
        pictures = tuple(picture for pair in pairs for picture in pair)
        if read is not None and pictures:
            return Pairs(strip=Strip(rule=_rule(card), pictures=pictures), gallery=_gallery(runs, read, card))
    return Pairs()


def _gallery(runs: Sequence[RunFolder], read: pd.DataFrame, card: MetricCard) -> Gallery:
    """Return the pairs of all concepts in turn, as many as the page can bear."""
    in_turns = read.assign(turn=read.groupby("concept").cumcount()).sort_values("turn", kind="stable")
    some = in_turns.head(MOST_PICTURES // len(runs))

    def join(keys: Sequence[Key]) -> Iterator[bytes | None]:
        files = [read_pictures(run, keys) for run in runs]
        for key in keys:
            yield side_by_side([of.get(key, b"") for of in files], side=THUMB_SIDE, quality=THUMB_QUALITY)

    jpegs = dict(thumbnails(keys_of(some), join))
    shown = some[[key in jpegs for key in keys_of(some)]].sort_index()
    before, after = (shown[name] for name in RUN_NAMES)
    return Gallery(
        sentences=(
            (
                "Pairs from the same text and noise, the baseline's picture on the left, the candidate's on the right: "
                f"converged, screened by a judge and flagged by none in both runs, {len(shown)} of "
                f"{count(len(read), 'pair')}. Below each: what the judge reads{_towards(card)}. They are inversions, "
                "not photographs: a person may not recognise what they show. Each is blurred until you ask for it."
            ),
        ),
        columns=(
            words_column("Concept", shown["concept"]),
            words_column("Suite", shown["suite"]),
            words_column("Prompt", shown["text"], kind="text"),
            count_column("Replicate", shown["replicate"]),
            number_column("Baseline", before, signed=[card.signed] * len(shown)),
            number_column("Candidate", after, signed=[card.signed] * len(shown)),
            number_column("Difference", after - before, signed=[True] * len(shown)),
        ),
        jpegs=tuple(jpegs[key] for key in keys_of(shown)),
        alternative="Baseline and candidate, inversions of the text",
        beside=len(runs),
    )


def _towards(card: MetricCard) -> str:
    return "" if card.explained is None else f" (high: {card.explained.towards})"


def _rule(card: MetricCard) -> str:
    return (
        "Of the concepts that changed most, one wording each, inverted from the same noise by both checkpoints: the "
        "pair whose readings differ as the median of the concept's. Below each: what the judge reads"
        f"{_towards(card)}. A person may not recognise what a picture shows."
    )


def _both_read(both: Sequence[Evidence], card: MetricCard) -> pd.DataFrame | None:
    """Return the images that both runs may show and a judge read, with the reading in each."""
    tables = []
    for evidence, name in zip(both, RUN_NAMES, strict=True):
        scores = readings_of(evidence, card)
        if scores is None:
            return None
        images = unsafe_scores(evidence, asking_images(evidence)).merge(scores, on=_KEY, how="inner")
        good = may_be_shown(images, pictured="unflagged") & images["reading"].notna()
        tables.append(images[good][[*_KEY, "reading"]].rename(columns={"reading": name}))
    prompts = both[0].prompts
    asked = prompts.loc[prompts["role"] == "subject", ["prompt_id", "suite", "concept", "text"]]
    return tables[0].merge(tables[1], on=_KEY, how="inner").merge(asked, on="prompt_id", how="inner")


def _chosen(changes: Sequence[Change], read: pd.DataFrame) -> Iterator[Mapping[Hashable, object]]:
    """Return the pair of each concept whose change of reading is the median, for the first few that have one."""
    apart = read.assign(apart=read[RUN_NAMES[1]] - read[RUN_NAMES[0]])
    found = 0
    for change in changes:
        own = apart[(apart["suite"] == change.suite) & (apart["concept"] == change.subject)]
        if own.empty or found == MOST_CONCEPTS:
            continue
        found += 1
        far = (own["apart"] - own["apart"].median()).abs()
        yield own.assign(far=far).sort_values(["far", *_KEY]).to_dict("records")[0]


def _pair(row: Mapping[Hashable, object], files: Sequence[bytes], card: MetricCard) -> tuple[Picture, ...]:
    """Return both pictures of a pair; none where one is missing or cannot be read."""
    small = [shrink(png, pixelated=False) for png in files]
    if len(small) < len(RUN_NAMES):
        return ()
    told = tuple(
        Picture(
            label=clean(row["concept"], longest=40),
            detail=f"{name}\njudge reads {show_number(float(str(row[name])), signed=card.signed)}",
            alternative=f"Inversion by the {name} of the text: {clean(row['text'])}",
            jpeg=jpeg,
        )
        for name, jpeg in zip(RUN_NAMES, small, strict=True)
        if jpeg is not None
    )
    return told if len(told) == len(RUN_NAMES) else ()
