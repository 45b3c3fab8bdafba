"""Judges look at images and never at prompts: one file each, and one entry each in ``JUDGES``.

A judge's file is imported when the judge is loaded, so that a wrong name is answered before torch is. Other packages
add judges by entry points (``audit.plugins``): an entry point of a judge names a ``JudgeKind``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from audit.early_checks import check_checkpoint, meant
from audit.errors import UsageProblem
from audit.plugins import JUDGES_GROUP, Plugin, Plugins, find_plugins

if TYPE_CHECKING:
    from audit.evidence import ConceptTexts
    from audit.judges.judge_protocol import Judge, JudgeSettings
    from audit.records import CheckpointCard, Question

_TARGET: Final = ":CHECKPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeKind:
    """How judges of one kind are named, and what loads one."""

    forms: tuple[str, ...]
    """How the whole name is written; what ends in ``:CHECKPOINT`` is checked as a checkpoint is."""
    load: Callable[[str, JudgeSettings], Judge]
    """Takes what stands behind the first colon of the name."""


def _zero_shot(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.zero_shot import load_zero_shot

    return load_zero_shot(target, settings)


def _nudenet(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.nudenet import load_nudenet

    return load_nudenet(target, settings)


def _faces(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.faces import load_faces

    return load_faces(target, settings)


def _nsfw(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.nsfw_net import load_nsfw

    return load_nsfw(target, settings)


def _image_classifier(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.image_classifier import load_image_classifier

    return load_image_classifier(target, settings)


def _labels(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.labels_judge import load_labels

    return load_labels(target, settings)


def _matching(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.matching import load_matching

    return load_matching(target, settings)


def _letters(target: str, settings: JudgeSettings) -> Judge:
    from audit.judges.letters_judge import load_letters

    return load_letters(target, settings)


JUDGES: Final[Mapping[str, JudgeKind]] = {
    "zero_shot": JudgeKind(forms=("zero_shot:CHECKPOINT",), load=_zero_shot),
    "faces": JudgeKind(forms=("faces",), load=_faces),
    "nsfw": JudgeKind(forms=("nsfw",), load=_nsfw),
    "nudenet": JudgeKind(forms=("nudenet",), load=_nudenet),
    "image_classifier": JudgeKind(
        forms=("image_classifier:REPO@REVISION", "image_classifier:FOLDER"), load=_image_classifier
    ),
    "labels": JudgeKind(forms=("labels:CHECKPOINT",), load=_labels),
    "matching": JudgeKind(forms=("matching:CHECKPOINT",), load=_matching),
    "letters": JudgeKind(forms=("letters",), load=_letters),
}
"""What stands before the first colon of a judge's name -> the judges that are called so."""


def check_judge(name: str) -> None:
    """Refuse a name that no judge can have, from the name and files alone.

    Raises:
        UsageProblem: If there is no such judge, or no such checkpoint for it.
        PluginProblem: If it is a judge of another package that cannot be used.
        RefusedProblem: As for :func:`audit.early_checks.check_checkpoint`.
    """
    prefix, _, target = name.partition(":")
    kind = _kind(name)
    if target and f"{prefix}{_TARGET}" in kind.forms:
        check_checkpoint(target)


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
        EnvironmentProblem: If a package or the network is missing, or a judge of another package fails.
    """
    kind = _kind(name)
    from audit.judges.judge_protocol import JudgeSettings, refuse_relative

    settings = JudgeSettings(device=device, questions=tuple(questions), concepts=tuple(concepts))
    prefix, _, target = name.partition(":")
    if prefix in JUDGES:
        judge = kind.load(target, settings)
    else:
        from audit.judges.judge_plugin import load_plugin_judge

        judge = load_plugin_judge(plugin_judges().found[prefix], kind.load, target, settings)
    if audited is not None:
        refuse_relative(judge.card, audited)
    return judge


@cache
def plugin_judges() -> Plugins:
    """Return the judges that other packages bring, by the names that they are asked for under; none is imported."""
    return find_plugins(JUDGES_GROUP, JUDGES)


def plugin_kind(plugin: Plugin) -> JudgeKind:
    """Import what a judge of another package is loaded by.

    Raises:
        PluginProblem: If it cannot be imported, is no ``JudgeKind``, or has a form of another name.
    """
    kind = plugin.load()
    if not isinstance(kind, JudgeKind):
        raise plugin.problem(f"is {type(kind).__name__} where a JudgeKind is expected")
    strange = [form for form in kind.forms if form.partition(":")[0] != plugin.name]
    if strange or not kind.forms:
        raise plugin.problem(f"is written as {', '.join(strange) or 'nothing'}, which does not begin with its name")
    return kind


def _kind(name: str) -> JudgeKind:
    """Return what a judge of this name is loaded by.

    Raises:
        UsageProblem: If there is none.
        PluginProblem: If it is one of another package that cannot be used.
    """
    prefix = name.partition(":")[0]
    if prefix in JUDGES:
        return JUDGES[prefix]
    plugins = plugin_judges()
    if prefix in plugins.problems:
        raise plugins.problems[prefix]
    if prefix in plugins.found:
        return plugin_kind(plugins.found[prefix])
    forms = ", ".join((*(form for one in JUDGES.values() for form in one.forms), *plugins.found))
    known = (*JUDGES, *plugins.found)
    raise UsageProblem(f"There is no judge {name!r}.", remedy=f"{meant(prefix, known)}Give --judge one of: {forms}.")
