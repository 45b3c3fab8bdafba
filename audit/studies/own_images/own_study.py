"""A checkpoint looks at a folder of the user's own pictures, and what it does with them is written beside the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from audit.checkpoints import Checkpoint
from audit.codec import SCHEMA_VERSION, pretty_json, record_document
from audit.errors import UsageProblem
from audit.evidence import refuse_foreign
from audit.evidence.files import disk_problems, write_atomically
from audit.evidence.own_pictures import open_own_picture
from audit.evidence.specs import spec_digest
from audit.pipeline.audit_plan import Plan
from audit.pipeline.progress import Progress
from audit.records import Finding, Prompt
from audit.report import render_paper_html, render_paper_pdf
from audit.report.text import today
from audit.studies.own_images.group_measures import (
    HARM_WORDS,
    PEOPLE_WORDS,
    Asked,
    OwnImages,
    measure_groups,
    wordings,
)
from audit.studies.own_images.own_page import OWN_PAGE, own_paper
from audit.studies.own_images.people_file import Sitter, read_people

_NAMES: Final = ("own_images.json", OWN_PAGE, "own_images.pdf")
_AT_ONCE: Final = 64


def concepts_of(prompts: Sequence[Prompt]) -> tuple[Asked, ...]:
    """Return the concepts that suites ask about, each with the texts that name it."""
    texts: dict[tuple[str, str], list[str]] = {}
    for prompt in prompts:
        if prompt.role in {"subject", "text"}:
            texts.setdefault((prompt.suite, prompt.concept), []).append(prompt.text)
    return tuple(Asked(suite=suite, concept=name, texts=tuple(told)) for (suite, name), told in texts.items())


def prepare_own(plan: Plan, folder: Path, people: Path) -> Callable[[Sequence[Finding], Path, Progress], Path]:
    """Read what is said of the pictures of a folder, and return what measures them once the run is done.

    Args:
        plan: Of the run, whose checkpoint looks, for the concepts of its suites.
        folder: Of the pictures.
        people: The file of ``--people``.

    Returns:
        Takes the findings of the run, the folder to write into, and progress; returns the page.

    Raises:
        UsageProblem: If a row is wrong, or the suites ask about no concept.
    """
    concepts = concepts_of(plan.prompts)
    if not concepts:
        raise UsageProblem(
            "The suites of this run ask about no concept that pictures could be ranked for.",
            remedy="Name one that does with --suite, such as professions.",
        )
    sitters = read_people(people, folder, [asked.concept for asked in concepts])

    def look(findings: Sequence[Finding], out: Path, progress: Progress) -> Path:
        return write_own(measure_own(plan.checkpoint, sitters, folder, concepts, progress), findings, out)

    return look


def measure_own(
    checkpoint: Checkpoint, sitters: Sequence[Sitter], folder: Path, concepts: Sequence[Asked], progress: Progress
) -> OwnImages:
    """Show a checkpoint the pictures of a folder, and measure how it ranks and names them.

    Raises:
        UsageProblem: If a picture cannot be read.
    """
    pictures, digests = _embed(checkpoint, [folder / one.file for one in sitters], progress)
    words = [word for word in (*PEOPLE_WORDS, *HARM_WORDS) if not _unknown(checkpoint, word)]
    needed = dict.fromkeys(text for asked in concepts for text in asked.texts)
    needed |= dict.fromkeys(text for word in words for text in wordings(word))
    vectors = checkpoint.encode_text(list(needed)).double().cpu().numpy()
    places = {text: place for place, text in enumerate(needed)}
    measures = measure_groups(sitters, pictures, concepts, lambda text: vectors[places[text]], known=words)
    left_out = []
    if not measures.harm:
        left_out.append("Not measured: rates of harm words, of which the checkpoint's closed vocabulary knows none.")
    if not measures.naming:
        left_out.append("Not measured: zero-shot naming, since the column shows names fewer than two concepts.")
    told = [[digest, one.person, one.group, one.shows] for digest, one in zip(digests, sitters, strict=True)]
    people = {one.person: one.group for one in sitters}
    return OwnImages(
        checkpoint=checkpoint.card.name,
        digest=spec_digest({"pictures": told}),
        groups={group: list(people.values()).count(group) for group in sorted(set(people.values()))},
        pictures=len(sitters),
        measures=measures,
        left_out=tuple(left_out),
    )


def write_own(found: OwnImages, findings: Sequence[Finding], folder: Path) -> Path:
    """Write what was measured, beside the findings of inversion, as JSON, HTML and PDF; returns the page.

    Raises:
        UsageProblem: If the folder holds files of these names that are not ours.
        EnvironmentProblem: If it cannot be written.
    """
    refuse_foreign(folder, _NAMES, mark=_NAMES[0])
    with disk_problems("Making the folder", folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paper = own_paper(found, findings, created=today())
    document = {"schema_version": SCHEMA_VERSION, **record_document(found)}
    for name, content in zip(
        _NAMES,
        (pretty_json(document), render_paper_html(paper).encode("utf-8"), render_paper_pdf(paper)),
        strict=True,
    ):
        write_atomically(folder / name, content)
    return folder / OWN_PAGE


def _unknown(checkpoint: Checkpoint, word: str) -> bool:
    return any(checkpoint.unknown_words(text) for text in wordings(word))


def _embed(checkpoint: Checkpoint, paths: Sequence[Path], progress: Progress) -> tuple[np.ndarray, list[str]]:
    """Return the embedding of every picture, and the digest of its file; those of one size in a row go together."""
    progress.begin("looking at own pictures", len(paths))
    rows: list[Tensor] = []
    digests: list[str] = []
    for first in range(0, len(paths), _AT_ONCE):
        tensors = []
        for path in paths[first : first + _AT_ONCE]:
            picture, digest = open_own_picture(path.parent, path.name)
            pixels = np.asarray(picture, dtype=np.float32) / 255
            tensors.append(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())
            digests.append(digest)
        for _, alike in groupby(tensors, key=lambda one: tuple(one.shape)):
            rows.append(checkpoint.encode_image(torch.stack(list(alike))).double().cpu())
        progress.advance(len(tensors))
    return torch.cat(rows).numpy(), digests
