"""Which suites and judges fit a checkpoint when the user names none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.checkpoints import Checkpoint, load_checkpoint
from audit.checkpoints.photo_towers import PHOTO_NETWORKS
from audit.early_checks import phantom_folder
from audit.errors import EnvironmentProblem
from audit.judges import faces, nsfw_net, nudenet
from audit.judges.judge_protocol import Judge, shared_lineage
from audit.lenses import LENSES
from audit.lineage import recommended
from audit.opening import is_folder, is_there
from audit.records import ASKS_GENDER, ASKS_NSFW, JOINED, UNSEEN, UNWORDED, PromptSuite, Question
from audit.suites import OWN, OWN_SUITES, list_suites, load_suite, suite_name, suite_path, suites_in

_PHANTOM: Final = "phantom:"
_CLOSED_FOLDERS: Final = ("phantom/", "photo/")
"""Of the suites for closed vocabularies: those of drawn phantoms, and those of phantoms for photographs."""
_OPEN: Final = ("professions", "public_figures", "everyday", "controls")
_CLOSED: Final = ("phantom/professions", "phantom/names", "phantom/controls")
_OF_PHOTOGRAPHS: Final = ("photo/professions", "photo/controls")
_PHOTO_JUDGE: Final = "zero_shot:phantom:photo-judge"
_LABELS: Final = "labels:"
_WITNESS: Final = "phantom:witness"
_SHOWN: Final = 6

_OFFLINE: Final[Mapping[str, Callable[[], EnvironmentProblem | None]]] = {
    "faces": faces.what_is_missing,
    "nsfw": nsfw_net.what_is_missing,
    "nudenet": nudenet.what_is_missing,
}
"""Judges of photographs without a network, in the order in which they are asked, and what says why one isn't here."""
_ANSWERS: Final = {"faces": (ASKS_GENDER,), "nsfw": (ASKS_NSFW,), "nudenet": (ASKS_NSFW,)}
_ANSWERED_BY_CLIP: Final = frozenset({ASKS_GENDER, ASKS_NSFW})


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSuites:
    """What is asked where no suite is named."""

    names: tuple[str, ...]
    """As ``suite_path`` takes them."""
    left_out: tuple[str, ...]
    """A sentence for each reason to leave shipped suites out, which says what to do about it."""


def is_own(path: Path, checkpoint: str) -> bool:
    """Tell whether a suite's file stands in the folder of the checkpoint that is to be asked."""
    folder = Path(checkpoint)
    return is_there(folder) and is_folder(folder) and path.resolve().is_relative_to(folder.resolve())


def not_asked(checkpoint: str) -> tuple[str, ...]:
    """Say that a checkpoint's folder carries suites, where none of them is asked; nothing where it carries none.

    Raises:
        UsageProblem: If they hold a link that leads nowhere or out of the folder.
        EnvironmentProblem: If they cannot be read.
    """
    folder = Path(checkpoint)
    if not is_there(folder) or not is_folder(folder) or not (own := suites_in(folder / OWN_SUITES)):
        return ()
    shown = ", ".join(path.stem for path in own[:_SHOWN])
    said = f"Who made a checkpoint does not choose what it is asked, so the suites in its folder ({shown}) are left out"
    return (f"{said}; --suite {folder / OWN_SUITES} asks them, under names that begin with {OWN}.",)


def has_closed_vocabulary(checkpoint: Checkpoint) -> bool:
    """Tell whether the checkpoint reads whole words only, and so cannot spell a new one."""
    return bool(checkpoint.unknown_words("zyxwvutsrqponm"))


def core_suites(name: str, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the suites that are asked at every effort, with the controls.

    These are the shipped ones for its kind of vocabulary: a checkpoint does not choose what it is asked. Only a phantom
    that is shipped with this program, and does not know their words, is asked what is shipped beside it.
    """
    if not has_closed_vocabulary(checkpoint):
        return _OPEN
    if name.startswith(_PHANTOM):
        for suites in (_CLOSED, _OF_PHOTOGRAPHS):
            if all(_knows(checkpoint, load_suite(suite_path(one))) for one in suites):
                return suites
    else:
        return _CLOSED
    shipped = suites_in(phantom_folder(name.removeprefix(_PHANTOM)) / OWN_SUITES)
    return tuple(map(str, shipped)) or _CLOSED


def default_suites(
    name: str, checkpoint: Checkpoint, *, effort: str = "standard", judges: Sequence[str] = ()
) -> DefaultSuites:
    """Return the core suites, and the other shipped ones for the checkpoint's kind of vocabulary.

    Left out are those whose words the checkpoint does not know, those that no judge of the run can answer, and at
    effort "quick" those for which something is inverted.

    Args:
        name: Of the checkpoint, as the user gave it.
        checkpoint: The same, loaded.
        effort: Of the run.
        judges: Those that the user names; empty for the ones that fit.
    """
    core = core_suites(name, checkpoint)
    others = _others(core, closed=has_closed_vocabulary(checkpoint))
    unknown = [one for one, suite in others.items() if not _knows(checkpoint, suite)]
    others = {one: suite for one, suite in others.items() if one not in unknown}
    pictured = {one: suite for one, suite in others.items() if _judge_of(suite)}
    readers = _readers(checkpoint, judges) if pictured else []
    unread = {
        one: f"{_LABELS}CHECKPOINT" if suite.questions else _judge_of(suite)
        for one, suite in pictured.items()
        if not (
            any(_reads(reader, suite.questions) for reader in readers)
            if suite.questions
            else _judge_of(suite) in judges
        )
    }
    others = {one: suite for one, suite in others.items() if one not in unread}
    inverted = [one for one, suite in others.items() if effort == "quick" and _is_seen(suite)]
    return DefaultSuites(
        names=(*core, *(one for one in others if one not in inverted)),
        left_out=tuple(_left_out(unknown, unread, inverted, judges or default_judges(checkpoint))),
    )


def default_judges(checkpoint: Checkpoint, questions: Sequence[Question] = ()) -> tuple[str, ...]:
    """Return the judges that need no network.

    For closed vocabularies these are phantoms: for those with an image tower of photographs the one that is made to
    judge them, else the judge, and the witness where the suites ask ``questions`` and it is no relative. For all others
    these are the judges of photographs that are installed.
    """
    if not has_closed_vocabulary(checkpoint):
        return tuple(name for name, missing in _OFFLINE.items() if missing() is None)
    if _photo_weights() & set(checkpoint.card.lineage):
        return (_PHOTO_JUDGE,)
    return ("zero_shot:phantom:judge", *((f"{_LABELS}{_WITNESS}",) if questions and _witnesses(checkpoint) else ()))


def _photo_weights() -> set[str]:
    """Return how a lineage calls the published image towers of phantoms for photographs."""
    return {f"weights:{one.sha256}" for one in PHOTO_NETWORKS.values()}


def _judge_of(suite: PromptSuite) -> str:
    """Return the judge without whom the lens of a suite has nothing to say; empty where there is none."""
    return LENSES[suite.lens].card.judge if suite.lens in LENSES else ""


def offline_judges() -> tuple[str, ...]:
    """Return the names of the judges of photographs that need no network, installed or not."""
    return tuple(_OFFLINE)


def missing_judges(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return what is to be said where default judges are not installed: the audit goes on without them."""
    if has_closed_vocabulary(checkpoint):
        return ()
    absent = [problem for missing in _OFFLINE.values() if (problem := missing())]
    return tuple(f"{one.what} The audit goes on without it. {one.remedy}" for one in absent)


def main_question(suite: PromptSuite) -> str:
    """Return what a judge must answer for a suite to say anything; empty where none need look, or it has no lens."""
    return LENSES[suite.lens].card.asks if suite.lens in LENSES and _is_seen(suite) else ""


def unanswered(suites: Sequence[PromptSuite], judges: Mapping[str, Judge]) -> Mapping[str, tuple[str, ...]]:
    """Return the main questions that no judge answers, and the names of the suites that ask them."""
    answered = {question for judge in judges.values() for question in judge.card.asks}
    open_questions = dict.fromkeys(main_question(suite) for suite in suites)
    return {
        question: tuple(suite.name for suite in suites if main_question(suite) == question)
        for question in open_questions
        if question and question not in answered
    }


def how_to_answer(checkpoint: Checkpoint, question: str) -> str:
    """Say which judge would answer a question about the images of a checkpoint."""
    own = {name: missing() for name, missing in _OFFLINE.items()}
    here = [name for name, problem in own.items() if problem is None and question in _ANSWERS[name]]
    named = [f"--judge {name}" for name in here]
    named += [f"--judge zero_shot:{name}" for name in recommended(checkpoint.card.lineage)]
    install = [problem.remedy for name, problem in own.items() if problem and question in _ANSWERS[name]]
    if question not in _ANSWERED_BY_CLIP:
        its = next((lens.card.judge for lens in LENSES.values() if lens.card.asks == question and lens.card.judge), "")
        which = f", as --judge {its}" if its else " with --judge"
        return f"Name a judge that answers {question!r}{which} (docs/judges.md)."
    wanted = f"Name a judge of another lineage, as {' or '.join(named)} (docs/judges.md)."
    return " ".join([wanted, *(install if not here else [])])


def _others(core: Sequence[str], *, closed: bool) -> Mapping[str, PromptSuite]:
    """Return the shipped suites of one kind of vocabulary but for core ones, and those that are asked by name alone."""
    taken = {load_suite(suite_path(one)).name for one in core}
    of_kind = _CLOSED_FOLDERS[core == _OF_PHOTOGRAPHS]
    names = [
        name
        for name in map(suite_name, list_suites())
        if (name.startswith(of_kind) if closed else not name.startswith(_CLOSED_FOLDERS))
    ]
    suites = {name: load_suite(suite_path(name)) for name in names}
    named = {name for name, lens in LENSES.items() if lens.card.own_design}
    return {name: suite for name, suite in suites.items() if suite.name not in taken and suite.lens not in named}


def _knows(checkpoint: Checkpoint, suite: PromptSuite) -> bool:
    worded = [prompt for prompt in suite.prompts if prompt.role not in UNWORDED]
    return not any(checkpoint.unknown_words(text) for prompt in worded for text in prompt.texts)


def _is_seen(suite: PromptSuite) -> bool:
    return any(prompt.role not in UNSEEN for prompt in suite.prompts)


def _readers(checkpoint: Checkpoint, judges: Sequence[str]) -> list[Checkpoint]:
    """Return what the judges of labels read with: those that are named, or the one that fits."""
    if judges:
        named = [judge.removeprefix(_LABELS) for judge in judges if judge.startswith(_LABELS)]
        return [load_checkpoint(target) for target in named if target]
    return _witnesses(checkpoint) if has_closed_vocabulary(checkpoint) else []


def _witnesses(checkpoint: Checkpoint) -> list[Checkpoint]:
    """Return the witness unless it is a relative of the checkpoint."""
    witness = load_checkpoint(_WITNESS)
    return [] if shared_lineage((witness.card.digest, *witness.card.lineage), checkpoint.card) else [witness]


def _reads(reader: Checkpoint, questions: Sequence[Question]) -> bool:
    answers = [answer for question in questions for answer in question.answers.values()]
    return not any(reader.unknown_words(phrase) for answer in answers for phrase in answer.split(JOINED))


def _left_out(
    unknown: Sequence[str], unread: Mapping[str, str], inverted: Sequence[str], judges: Sequence[str]
) -> Iterator[str]:
    if inverted:
        yield f"Not asked at effort quick: {', '.join(inverted)}; --effort standard asks them too."
    for judge in dict.fromkeys(unread.values()):
        options = " ".join(f"--judge {one}" for one in (*judges, judge))
        names = ", ".join(one for one, wanted in unread.items() if wanted == judge)
        yield f"Not asked, since no judge of this run answers their questions: {names}; {options} asks them too."
    if unknown:
        yield (
            f"Not asked, since the checkpoint does not know all their words: {', '.join(unknown)}; "
            "a suite in its own words is asked with --suite (prompts/README.md)."
        )
