"""The table of docs/questions.md: what every lens measures on phantoms, beside what was planted in them.

Run by ``make questions``. Audits the phantoms that have something planted for each question, most of them at full, and
writes the table between the marks there. With ``--scale`` it also trains four phantoms on more and more
pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from marks import DOCUMENTS, write_between
from question_rows import EFFORT, Row
from questions_ablation import truth_ablation
from questions_judge import audit, truth_attributes, truth_blending, truth_contexts
from questions_letters import truth_letters
from questions_probes import truth_explained, truth_written
from questions_scale import PICTURES, truth_scale
from questions_text import truth_associations, truth_neighbours
from questions_words import truth_composition, truth_granularity, truth_wording

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("question", "planted", "measured", "asked")
LABELLED = "phantom:scenes"


def rows(runs: Path, *, scale: bool) -> Iterator[Row]:
    """Yield every row, in the order of the lenses; what runs were made is kept in ``runs``."""
    yield from truth_neighbours()
    yield from truth_associations()
    yield from truth_composition(runs / f"composition-{EFFORT}")
    yield from truth_wording(runs / f"wording-{EFFORT}")
    yield from truth_granularity(runs / f"granularity-{EFFORT}")
    outcome = audit(LABELLED, runs / f"labels-{EFFORT}")
    for truth in (truth_contexts, truth_blending, truth_attributes):
        yield from truth(LABELLED, outcome)
    yield from truth_written(runs / "written")
    yield from truth_letters(runs / "letters")
    yield from truth_explained(runs / "explained")
    yield from truth_ablation(runs / "ablation")
    if scale:
        yield from truth_scale(runs / "scale", pictures=PICTURES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "questions")
    parser.add_argument("--scale", action="store_true", help="also train phantoms on more and more pictures: an hour")
    given = parser.parse_args()
    command = f"make questions{' SCALE=--scale' if given.scale else ''}"
    made = (
        f"Made by `{command}`, at effort {EFFORT}; written words, letters, explain, ablate and training data at quick."
    )
    lines = [made, "", f"| {' | '.join(COLUMNS)} |", "|---|---|---|---|"]
    for row in rows(given.runs, scale=given.scale):
        lines.append(str(row))
        print(lines[-1], flush=True)
    write_between(DOCUMENTS["questions"], "questions", "\n".join(lines))


if __name__ == "__main__":
    main()
