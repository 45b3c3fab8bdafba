"""What is wrong with a name can be said from names and files alone, in milliseconds, before anything heavy is loaded.

Nothing here imports torch, pandas or open_clip. Whoever loads what a name stands for asks the same functions, so that
a name is wrong in the same words early and late.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from audit.errors import InconclusiveProblem, RefusedProblem, UsageProblem
from audit.opening import at_home, check_named_file, is_file, is_folder, is_there
from audit.packaged import PHANTOMS, PHOTO_WORLDS, POLICIES, WORLDS, made_phantoms

CONFIG_FILE: Final = "open_clip_config.json"
"""Makes a folder a checkpoint of open_clip,"""
TRANSFORMERS_CONFIG_FILE: Final = "config.json"
"""and this one of transformers."""

CHECKPOINT_FORMS: Final = (
    "phantom:NAME, open_clip:ARCH/TAG, hf-hub:ORG/REPO@REVISION, a folder, or a weights file with --arch"
)

EFFORT_NAMES: Final = ("quick", "standard", "full")
AUTO: Final = "auto"
"""In place of a recipe: the one that a pilot finds to suit the checkpoint."""
ENGINE_NAMES: Final = ("local", "ray")
RECIPE_NAMES: Final = ("fast", "careful", "thorough", "reference", "reference-batched", "reference-shift")

_REPO: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_REVISION: Final = re.compile(r"[A-Za-z0-9][\w./-]{0,95}")


def stated_day() -> date | None:
    """Return the day that SOURCE_DATE_EPOCH states; ``None`` where it is not set.

    Source: https://reproducible-builds.org/specs/source-date-epoch/.

    Raises:
        UsageProblem: If it is no date.
    """
    asked = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        return datetime.fromtimestamp(int(asked), UTC).date() if asked else None
    except (ValueError, OverflowError, OSError) as problem:
        raise UsageProblem(
            f"SOURCE_DATE_EPOCH is {asked[:80]!r}, which is no date.",
            remedy="Set it to whole seconds since 1970, or unset it.",
        ) from problem


def check_checkpoint(name: str, arch: str | None = None, preprocess: str | None = None) -> None:
    """Refuse a name that no checkpoint can have, and a path where there is none.

    Raises:
        UsageProblem: If there is no such checkpoint, or ``arch`` or ``preprocess`` is missing or out of place.
        RefusedProblem: If it is a folder without the settings of a checkpoint.
    """
    scheme, _, rest = name.partition(":")
    path = Path(name)
    has_scheme = scheme in {"phantom", "open_clip", "hf-hub"}
    is_weights = not has_scheme and is_there(path) and is_file(path)
    if is_weights and arch is None:
        raise UsageProblem(
            f"{path} is a weights file, which does not say what architecture it belongs to.",
            remedy="Add --arch, for example --arch ViT-B-32 (or ViT-B-32-quickgelu for OpenAI's weights).",
        )
    if not is_weights and arch is not None:
        raise UsageProblem(
            f"--arch {arch} was given, but {name} is not a weights file.",
            remedy="Leave --arch away: folders and hubs state their architecture.",
        )
    states_it = scheme in {"phantom", "open_clip"} or is_there(path / CONFIG_FILE)
    if preprocess is not None and not is_weights and states_it:
        raise UsageProblem(
            f"--preprocess {preprocess} was given, but {name} says itself how it wants pictures.",
            remedy="Leave --preprocess away; it is for bare weights files and Hugging Face folders.",
        )
    if scheme == "phantom":
        phantom_folder(rest)
    elif scheme == "hf-hub":
        repo_and_revision(rest)
    elif not has_scheme and not is_weights:
        _check_folder(path, name)


def _check_folder(path: Path, name: str) -> None:
    if not name or not is_there(path):
        raise UsageProblem(
            f"There is no checkpoint {ascii(name)[:200]}.",
            remedy=f"Give {CHECKPOINT_FORMS}; the phantoms here are {', '.join(phantom_names()) or 'none'}.",
        )
    if not any(is_file(path / file) for file in (CONFIG_FILE, TRANSFORMERS_CONFIG_FILE)):
        raise RefusedProblem(
            f"{name} holds neither {CONFIG_FILE} nor {TRANSFORMERS_CONFIG_FILE}.",
            remedy="Name a folder that open_clip or transformers saved, or one weights file together with --arch.",
        )


def phantom_names() -> list[str]:
    """Return the names of the shipped phantoms, sorted."""
    return sorted(path.parent.name for path in PHANTOMS.glob(f"*/{CONFIG_FILE}"))


def photo_names() -> list[str]:
    """Return the names of the phantoms for photographs, which are made once by their user, sorted."""
    return sorted(path.stem for path in PHOTO_WORLDS.glob("*.toml"))


def phantom_folder(name: str) -> Path:
    """Return the folder of a phantom that is shipped with the program, or was made for photographs.

    Raises:
        UsageProblem: If there is none of this name; those present are listed.
    """
    if name in photo_names():
        made = made_phantoms() / name
        if is_file(made / CONFIG_FILE):
            return made
        raise UsageProblem(
            f"phantom:{name} has not been made here yet; it is made once, and takes minutes.",
            remedy=f"Make it with: clip-audit phantom train {name}",
        )
    present = phantom_names()
    if name not in present:
        raise UsageProblem(
            f"There is no phantom {ascii(name)[:80]}.",
            remedy=f"{meant(name, [*present, *photo_names()])}The phantoms here are {', '.join(present) or 'none'}.",
        )
    return PHANTOMS / name


def repo_and_revision(rest: str) -> tuple[str, str]:
    """Return repository and revision of what follows ``hf-hub:``.

    Raises:
        UsageProblem: If it names none.
    """
    repo, _, revision = rest.partition("@")
    if not _REPO.fullmatch(repo) or not _REVISION.fullmatch(revision):
        raise UsageProblem(
            f"hf-hub:{ascii(rest)[1:161].rstrip(chr(39))} does not name a repository at a revision.",
            remedy="Write hf-hub:ORG/REPO@REVISION, with the commit (40 hex digits) as revision.",
        )
    return repo, revision


def policy_path(name: str) -> Path:
    """Return the file of a policy: of a shipped one by its name, or a path that ends in ``.toml``.

    Raises:
        UsageProblem: If there is none.
    """
    known = {path.stem: path for path in sorted(POLICIES.glob("*.toml"))}
    shipped = f"{meant(name, known)}Shipped policies: {', '.join(known)}; or give the path of a .toml file."
    if name.endswith(".toml"):
        path = at_home(name)
        check_named_file(path, shipped)
        return path
    if name not in known:
        raise UsageProblem(f"There is no policy {name!r}.", remedy=shipped)
    return known[name]


def check_world(name: str) -> None:
    """Refuse the name of what holds no world: a world's file or name, a phantom, or its folder.

    Raises:
        UsageProblem: If there is none.
    """
    if name.endswith(".toml"):
        check_named_file(Path(name), "Name the TOML file of a world.")
    elif not (WORLDS / f"{name}.toml").is_file():
        check_phantom(name)


def check_phantom(name: str) -> None:
    """Refuse what is neither a shipped phantom nor a folder.

    Raises:
        UsageProblem: If there is none.
    """
    plain = name.removeprefix("phantom:")
    if not (is_there(Path(name)) and is_folder(Path(name))) and plain not in photo_names():
        phantom_folder(plain)


def check_choice(what: str, name: str, known: Sequence[str]) -> None:
    """Refuse the name of an effort, a recipe or the like that is none of ``known``.

    Raises:
        UsageProblem: With those that there are.
    """
    if name not in known:
        raise UsageProblem(
            f"There is no {what} {name!r}.", remedy=f"{meant(name, known)}Choose --{what} from: {', '.join(known)}."
        )


def check_run_folder(path: Path, *, finished: bool = False, broken_off: bool = False) -> None:
    """Refuse a path where no run is.

    Args:
        path: The folder.
        finished: Whether only a finished run will do.
        broken_off: Whether one will do, too, that was finished, and was left while it was decided or reported anew.

    Raises:
        UsageProblem: If there is no run folder.
        InconclusiveProblem: If a finished run is asked for, and this one is not.
    """
    if not is_there(path / "spec.json"):
        raise UsageProblem(
            f"{path} is not a run folder: it has no spec.json.",
            remedy="Name the folder that `clip-audit run --out` wrote; `clip-audit runs list` lists those in runs.",
        )
    if finished and not is_there(path / "run.json") and not (broken_off and is_there(path / ".reopened.json")):
        raise InconclusiveProblem(
            f"The run in {path} is not finished: it has no run.json.",
            remedy="Give the command that began it again: it resumes.",
        )


def meant(name: str, known: Iterable[str]) -> str:
    """Return a question about the name that was meant, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}? " if near and re.fullmatch(r"[\w/.:-]+", name) else ""
