"""One person labels the sample of one run: what is asked next, what was said, and how far people agree at the end.

    RUN-labels/
      sample.json       which pictures; drawn once, the same for all who label
      NAME-HASH.jsonl   what one person said
      labels.csv        what all said, as ``--labels`` reads it

It lies beside the run, in which nothing is changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, final

import pandas as pd

from audit.codec import SCHEMA_VERSION, check_version, damaged, pretty_json, read_record, record_document
from audit.errors import UsageProblem
from audit.evidence import (
    LABELS,
    LABELS_NAME,
    PICTURE_DIGITS,
    RATER_FORM,
    Evidence,
    build_table,
    image_name,
    labels_text,
    names_a_rater,
    read_pictures,
    read_run,
    refuse_other,
    safe_name,
)
from audit.evidence.files import disk_problems, remove_file, remove_leftovers, write_atomically
from audit.evidence.reading import load_evidence
from audit.evidence.specs import read_json
from audit.labelling.asked import Asked, asked_of
from audit.labelling.blind_sample import Sampled, draw_sample, shuffled
from audit.labelling.label_log import LabelLog, Said, open_log, read_log
from audit.opening import entries, is_file
from audit.stats import ClusterEstimate, agreement

SAMPLE_NAME: Final = "sample.json"
USUAL_COUNT: Final = 200
"""Pictures of a sample, where no number is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptSample:
    schema_version: int
    evidence: str
    count: int
    """How many pictures were asked for; there can be fewer."""
    images: tuple[Sampled, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What is asked next."""

    place: int
    """Of the picture, in the order in which this person gets them."""
    asked: Asked


@final
@dataclass(frozen=True, kw_only=True)
class LabelSession:
    """What one person labels, and what all have said; made by :func:`begin_session`."""

    folder: Path
    log: LabelLog
    others: tuple[LabelLog, ...]
    """What was said before by others."""
    asked: tuple[Asked, ...]
    sample: tuple[Sampled, ...]
    """In the order in which this person gets them."""
    pictures: tuple[bytes, ...]
    """PNG of each."""

    @property
    def total(self) -> int:
        """How many labels one person gives."""
        return len(self.sample) * len(self.asked)

    @property
    def done(self) -> int:
        """How many labels this person has given."""
        return len(self.log.said)

    @property
    def next(self) -> Next | None:
        """What is asked next: the first that is not answered; ``None`` at the end."""
        answered = {(said.image, said.question) for said in self.log.said}
        for place, item in enumerate(self.sample):
            for one in self.asked:
                if (_name(item), one.question) not in answered:
                    return Next(place=place, asked=one)
        return None

    def answer(self, place: int, question: str, label: str) -> bool:
        """Keep an answer to what is asked next; one to anything else changes nothing.

        Returns:
            Whether it was kept.

        Raises:
            EnvironmentProblem: If it cannot be written.
        """
        now = self.next
        if now is None or (place, question) != (now.place, now.asked.question) or label not in now.asked.answers:
            return False
        said = Said(image=_name(self.sample[place]), question=question, label=label, picture=self._digests[place])
        self.log.add(said)
        self.write_labels()
        return True

    def undo(self) -> bool:
        """Take the last answer back; returns whether there was one.

        Raises:
            EnvironmentProblem: If that cannot be written.
        """
        taken = self.log.undo() is not None
        self.write_labels()
        return taken

    def write_labels(self) -> None:
        """Write what all have said as the file that ``--labels`` reads; none where nobody said anything.

        Raises:
            EnvironmentProblem: If it cannot be written.
        """
        table = self.labels()
        path = self.folder / LABELS_NAME
        if len(table):
            write_atomically(path, labels_text(table).encode())
        else:
            remove_file(path)

    def labels(self) -> pd.DataFrame:
        """Return what all have said, as the table ``LABELS``."""
        rows = []
        for log in (self.log, *self.others):
            for said in log.said:
                prompt_id, _, replicate = said.image.partition("-")
                key = {"prompt_id": prompt_id, "replicate": int(replicate), "rater": log.rater}
                rows.append({**key, "question": said.question, "label": said.label, "picture": said.picture})
        return build_table(LABELS, rows)

    def agreements(self) -> Mapping[str, ClusterEstimate]:
        """Return how far all who labelled agree on each question; empty where only one did."""
        if not self.others:
            return {}
        groups = {_name(item): item.group for item in self.sample}
        found = {}
        for one in self.asked:
            of_image: dict[str, list[str]] = {image: [] for image in groups}
            for log in (self.log, *self.others):
                for said in log.said:
                    if said.question == one.question:
                        of_image[said.image].append(said.label)
            of_group: dict[str, list[list[str]]] = {group: [] for group in groups.values()}
            for image, labels in of_image.items():
                of_group[groups[image]].append(labels)
            found[one.question] = agreement(of_group)
        return found

    @cached_property
    def _digests(self) -> tuple[str, ...]:
        return tuple(hashlib.sha256(png).hexdigest()[:PICTURE_DIGITS] for png in self.pictures)


def begin_session(run: Path, folder: Path, rater: str, count: int | None = None) -> LabelSession:
    """Read a finished run, draw its sample or take the one that was drawn, and go on where this person stopped.

    Args:
        run: Its folder; nothing in it is written.
        folder: Of the labels; the caller has its lock.
        rater: Who labels.
        count: How many pictures; ``None`` for as many as were drawn before, or ``USUAL_COUNT``.

    Raises:
        UsageProblem: If the name is none, the folder holds something else or labels of another run, or a sample of
            another size was drawn before.
        InconclusiveProblem: If the run is not finished, or there is nothing to label.
        EnvironmentProblem: If something cannot be read or written, or is damaged.
    """
    check_rater(rater)
    remove_leftovers(folder)
    opened = read_run(run, finished=True)
    evidence, digest = load_evidence(opened), opened.evidence_digest()
    asked = asked_of(evidence)
    sample = _sample(folder, evidence, asked, count, digest)
    sample = shuffled(sample, digest, rater)
    own = folder / f"{safe_name(rater)}.jsonl"
    log = open_log(own, rater, digest)
    others = tuple(read_log(path, digest) for path in entries(folder, "*.jsonl") if path != own)
    for one in (log, *others):
        _check_said(one, sample, asked)
    pictures = read_pictures(opened, [(item.prompt_id, item.replicate) for item in sample])
    session = LabelSession(
        folder=folder, log=log, others=others, asked=asked, sample=sample, pictures=tuple(pictures.values())
    )
    session.write_labels()
    return session


def make_label_folder(folder: Path) -> None:
    """Make the folder of labels, for its owner only.

    Raises:
        UsageProblem: If it holds something else.
        EnvironmentProblem: If it cannot be made.
    """
    refuse_other(folder, mark=SAMPLE_NAME, what="folder of labels")
    with disk_problems("Making the folder", folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def check_rater(rater: str) -> None:
    """Refuse a name that no file of labels can hold.

    Raises:
        UsageProblem: If it is none.
    """
    if not names_a_rater(rater):
        raise UsageProblem(f"{rater!r} names no rater.", remedy=f"Give --rater a name: {RATER_FORM}.")


def _sample(
    folder: Path, evidence: Evidence, asked: Sequence[Asked], count: int | None, digest: str
) -> tuple[Sampled, ...]:
    path = folder / SAMPLE_NAME
    if not is_file(path):
        wanted = USUAL_COUNT if count is None else count
        sample = draw_sample(evidence, asked, wanted, seed=digest)
        kept = _KeptSample(schema_version=SCHEMA_VERSION, evidence=digest, count=wanted, images=sample)
        write_atomically(path, pretty_json(record_document(kept)))
        return sample
    stored = read_json(path)
    check_version(stored.get("schema_version"), path)
    found = read_record(_KeptSample, stored, path, "sample")
    if found.evidence != digest:
        raise UsageProblem(
            f"{folder} holds labels of another run: of other images, texts or scores than this one has.",
            remedy="Name another folder with --out, or remove this one if its labels are not needed.",
        )
    if count not in {None, found.count}:
        raise UsageProblem(
            f"The sample in {folder} was drawn with --count {found.count}, and now {count} is asked for.",
            remedy="Leave --count out: all who label a run see the same pictures. Or name another folder with --out.",
        )
    return found.images


def _check_said(log: LabelLog, sample: Sequence[Sampled], asked: Sequence[Asked]) -> None:
    """Refuse labels that the page cannot have kept: of pictures that are not in the sample, or none of the answers."""
    images = {_name(item) for item in sample}
    answers = {one.question: one.answers for one in asked}
    for said in log.said:
        if said.image not in images or said.label not in answers.get(said.question, {}):
            raise damaged(
                log.path, f"it says {said.label!r} of {said.image!r} for {said.question!r}, which was not asked"
            )


def _name(item: Sampled) -> str:
    return image_name((item.prompt_id, item.replicate))
