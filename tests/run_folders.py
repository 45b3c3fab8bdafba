"""Run folders with known content, written without a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from audit.evidence import Evidence, card_to_json, open_run, write_judge_card

SPEC = {
    "schema_version": 1,
    "options": {"arch": None, "allow_pickle": False, "waive_sanity": False},
    "suites": {"suite": "a" * 64, "controls": "b" * 64},
    "recipe": {"name": "fast", "steps": 48, "digest": "c" * 16},
    "effort": {"name": "quick", "templates": 4},
    "seed": 0,
    "device": "cpu",
    "precision": "fp32",
    "versions": {"clip-audit": "0.1.0", "torch": "2.15.0"},
}


def write_run(
    folder: Path,
    evidence: Evidence,
    *,
    finish: bool = True,
    pictures: str | Callable[[tuple[str, int]], bytes] = "",
    **changed: object,
) -> Path:
    """Write a run that holds ``evidence``; ``changed`` replaces entries of its spec.

    Two runs have the same picture of an image if ``pictures`` is the same; it can also draw the PNG of an image.
    """
    spec = {
        **SPEC,
        "checkpoint": card_to_json(evidence.checkpoint),
        "judges": {name: card_to_json(card) for name, card in evidence.judges.items()},
        **changed,
    }
    keys = zip(evidence.images["prompt_id"], evidence.images["replicate"], strict=True)
    draw = pictures if callable(pictures) else lambda key: f"{pictures} {key[0]} {key[1]}".encode()
    shard = evidence.images.assign(png=[draw(key) for key in keys])
    with open_run(folder, spec) as run:
        run.write_tables({"prompts": evidence.prompts})
        run.write_shard("images", "00000", shard)
        for card in evidence.judges.values():
            write_judge_card(run, card)  # of one that is not in the spec
        for name, table in evidence.scores.items():
            run.write_shard(f"scores/{name}", "00000", table)
        if finish:
            run.finish()
    return folder
