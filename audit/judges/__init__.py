"""Judges look at images and never at prompts: one file each, and one line each in ``JUDGES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from audit.early_checks import unknown_judge
from audit.evidence import ConceptTexts
from audit.judges.image_classifier import load_image_classifier
from audit.judges.judge_protocol import Judge, JudgeSettings, refuse_relative, shared_lineage
from audit.judges.labels_judge import load_labels
from audit.judges.letters_judge import load_letters
from audit.judges.matching import load_matching
from audit.judges.nudenet import load_nudenet
from audit.judges.zero_shot import load_zero_shot
from audit.records import CheckpointCard, Question

__all__ = ["JUDGES", "Judge", "JudgeSettings", "load_judge", "shared_lineage"]

JUDGES: Final[Mapping[str, Callable[[str, JudgeSettings], Judge]]] = MappingProxyType(
    {
        "zero_shot": load_zero_shot,
        "nudenet": load_nudenet,
        "image_classifier": load_image_classifier,
        "labels": load_labels,
        "matching": load_matching,
        "letters": load_letters,
    }
)
"""What stands before the first colon of a judge's name, and what loads it from the rest of the name."""


def load_judge(
    name: str,
    *,
    device: str = "cpu",
    audited: CheckpointCard | None = None,
    questions: Sequence[Question] = (),
    concepts: Sequence[ConceptTexts] = (),
) -> Judge:
    """Load the judge that ``name`` names.

    Args:
        name: A kind of judge and what it is loaded from, for example "zero_shot:phantom:judge".
        device: Where the judge computes.
        audited: The checkpoint whose images are to be judged; a judge of its lineage is refused.
        questions: What the suites of the run ask a judge of labels.
        concepts: What a judge that matches images with concepts tells apart.

    Raises:
        UsageProblem: If no judge has this name, or it has no question to answer or nothing to tell apart.
        RefusedProblem: If the judge must not be used: unsafe or altered files, or a relative of ``audited``.
        EnvironmentProblem: If a package or the network is missing.
    """
    prefix, _, target = name.partition(":")
    loader = JUDGES.get(prefix)
    if loader is None:
        raise unknown_judge(name)
    judge = loader(target, JudgeSettings(device=device, questions=tuple(questions), concepts=tuple(concepts)))
    if audited is not None:
        refuse_relative(judge.card, audited)
    return judge
