"""The spec of a run: all that decides its numbers, written before anything else."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from audit.codec import LARGEST, canonical_json, check_version, parse_object, pretty_json, short
from audit.early_checks import check_run_folder
from audit.errors import UsageProblem
from audit.evidence.files import disk_problems, write_atomically
from audit.opening import read_regular

SPEC_NAME: Final = "spec.json"
_SHOWN_DIFFERENCES: Final = 6
UNANSWERED: Final = "unanswered"
"""Key of the main questions that no judge of the run answers: each with the names of the suites that are about it."""
PILOT: Final = "pilot"
"""Key of what chose the recipe, where the user left the choice to us: chosen, reason, image_gradients, rungs."""
LENS_ORIGINS: Final = "lenses"
"""Key of the lenses of other packages, each with the distribution and the version that it comes from."""
_SPELT: Final = frozenset({"suite_files", "left_out", UNANSWERED, PILOT})
"""How suites were asked for, what is not, and why this recipe; which they are, their digests and settings say."""


def unanswered_sentence(question: str, suites: Iterable[object], remedy: str = "") -> str:
    """Say that the main question of some suites stays open.

    Example:
        >>> unanswered_sentence("gender", ["professions"])
        "UNANSWERED: no judge of this run answers 'gender', the main question of professions."
    """
    said = f"UNANSWERED: no judge of this run answers {question!r}, the main question of {', '.join(map(str, suites))}."
    return f"{said} {remedy}".strip()


def still_unanswered(spec: Mapping[str, object], prompts: Iterable[str], answered: Collection[str]) -> tuple[str, ...]:
    """Say which main questions of a run stay open.

    Args:
        spec: Of the run.
        prompts: Names of the suites that it asked.
        answered: What its judges answer, those who looked later too.
    """
    asked = set(prompts)
    return tuple(
        unanswered_sentence(question, suites)
        for question, suites in _entry(spec, UNANSWERED).items()
        if isinstance(suites, list) and not (question in answered and asked.issuperset(suites))
    )


def pilot_sentences(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say by what the recipe of a run was chosen; nothing where the user named it."""
    pilot = _entry(spec, PILOT)
    reason, cost = pilot.get("reason"), pilot.get("image_gradients")
    if not isinstance(reason, str):
        return ()
    return (f"{reason} The pilot took {cost:,} image-gradients." if isinstance(cost, int) and cost else reason,)


def spec_digest(spec: Mapping[str, object]) -> str:
    """Return the SHA-256 of the canonical JSON of a spec, in hexadecimal digits."""
    return hashlib.sha256(canonical_json(spec).encode()).hexdigest()


def write_spec(folder: Path, spec: Mapping[str, object]) -> None:
    """Write the spec of a new run.

    Raises:
        EnvironmentProblem: If it cannot be written.
    """
    write_atomically(folder / SPEC_NAME, pretty_json(spec))


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object that this package wrote.

    Raises:
        EnvironmentProblem: If the file cannot be read, or is damaged.
    """
    with disk_problems("Reading", path):
        data = read_regular(path, most=LARGEST)
    return parse_object(data, path)


def read_spec(folder: Path) -> dict[str, object]:
    """Read the spec of a run.

    Raises:
        UsageProblem: If the folder is not a run folder, or was written by a newer version.
        EnvironmentProblem: If the spec cannot be read, or is damaged.
    """
    path = folder / SPEC_NAME
    check_run_folder(folder)
    spec = read_json(path)
    check_version(spec.get("schema_version"), path)
    return spec


def stored_verdict(decision: Mapping[str, object]) -> str:
    """Return the verdict of a ``decision.json``; "none" where no policy was given.

    A version that gave none a verdict wrote "pass", which said no more than that the audit worked.

    Example:
        >>> stored_verdict({"verdict": "pass"}), stored_verdict({"verdict": "pass", "policy": {"name": "mine"}})
        ('none', 'pass')
    """
    verdict = str(decision.get("verdict", ""))
    return "none" if verdict == "pass" and not decision.get("policy") else verdict


def repeat_command(
    spec: Mapping[str, object],
    *,
    policy: str | None = None,
    baseline: str | None = None,
    labels: str | None = None,
    out: str = "runs/again",
) -> str:
    """Return the command line that makes a run with this spec again.

    Args:
        spec: Of the run.
        policy: What it was held against.
        baseline: The run that it was compared with.
        labels: The file of labels that it was decided with.
        out: The run folder of the command.

    Raises:
        KeyError: If the spec does not say what a run needs.
    """
    words = ["clip-audit", "run", "--checkpoint", str(_entry(spec, "checkpoint")["name"])]
    options = _entry(spec, "options")
    if options.get("arch"):
        words += ["--arch", str(options["arch"])]
    if options.get("preprocess"):
        words += ["--preprocess", str(options["preprocess"])]
    words += ["--allow-pickle"] if options.get("allow_pickle") else []
    words += ["--waive-sanity"] if options.get("waive_sanity") else []
    suites = spec.get("suite_files")
    for suite in suites if isinstance(suites, list) else []:
        words += ["--suite", str(suite)]
    for judge in _entry(spec, "judges"):
        words += ["--judge", judge]
    words += ["--recipe", str(_entry(spec, "recipe")["name"]), "--effort", str(_entry(spec, "effort")["name"])]
    # the defaults take a GPU and bf16 where there is one, and another device or precision rounds otherwise
    words += ["--device", str(spec["device"])] if spec.get("device") else []
    words += ["--precision", str(spec["precision"])] if spec.get("precision") else []
    words += ["--policy", policy] if policy else []
    words += ["--labels", labels] if labels else []
    words += ["--baseline", baseline] if policy and baseline else []
    words += ["--sequential"] if "sequential" in spec else []
    words += ["--audit-seeds", str(spec["audit_seeds"])] if "audit_seeds" in spec else []
    words += ["--seed", str(spec.get("seed", 0)), "--out", out]
    return shlex.join(words)


def _entry(spec: Mapping[str, object], name: str) -> Mapping[str, object]:
    entry = spec.get(name)
    return entry if isinstance(entry, dict) else {}


def refuse_other_spec(folder: Path, stored: Mapping[str, object], asked: Mapping[str, object]) -> None:
    """Refuse to continue a run with another spec than the one it was begun with.

    Raises:
        UsageProblem: If the two differ; names the keys.
    """
    differences = differing_specs(stored, asked)
    if not differences:
        return
    shown = "; ".join(differences[:_SHOWN_DIFFERENCES])
    more = len(differences) - _SHOWN_DIFFERENCES
    rest = f"; and {more} more" if more > 0 else ""
    raise UsageProblem(
        f"{folder} holds a run with other settings: {shown}{rest}.",
        remedy="Name another folder with --out, or give the settings that the run was begun with.",
    )


def differing_specs(stored: Mapping[str, object], asked: Mapping[str, object]) -> list[str]:
    """List where two specs differ in anything that decides the numbers of a run; empty where both make the same.

    A checkpoint is what its digest says, and so is a suite: the same folder or file by another path, or from another
    working directory, is the same, and so are suites that are named and the same ones by default.

    Example:
        >>> one, two = ({"checkpoint": {"name": name, "digest": "1"}} for name in ("./a", "a"))
        >>> differing_specs(one, two)
        []
    """
    return differing_keys(_without_spelling(stored), _without_spelling(asked))


def _without_spelling(spec: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = json.loads(canonical_json(spec))
    card = values.get("checkpoint")
    if isinstance(card, dict) and card.get("digest"):
        values["checkpoint"] = {key: value for key, value in card.items() if key != "name"}
    return {key: value for key, value in values.items() if key not in _SPELT}


def differing_keys(
    stored: object, asked: object, path: str = "", *, sides: tuple[str, str] = ("there", "asked for")
) -> list[str]:
    """List where two JSON values differ, as dotted keys with both values.

    Args:
        stored: The first value.
        asked: The second.
        path: What both are the value of, as a dotted key.
        sides: What the two are called.

    Example:
        >>> differing_keys({"recipe": {"steps": 400}}, {"recipe": {"steps": 800}})
        ['recipe.steps (400 there, 800 asked for)']
    """
    if isinstance(stored, dict) and isinstance(asked, dict):
        found: list[str] = []
        for key in sorted(stored.keys() | asked.keys()):
            below = f"{path}.{key}" if path else str(key)
            if key not in asked:
                found.append(f"{below} ({sides[0]}, but not {sides[1]})")
            elif key not in stored:
                found.append(f"{below} ({sides[1]}, but not {sides[0]})")
            else:
                found.extend(differing_keys(stored[key], asked[key], below, sides=sides))
        return found
    if type(stored) is type(asked) and stored == asked:
        return []
    return [f"{path} ({short(stored)} {sides[0]}, {short(asked)} {sides[1]})"]
