"""The folder that an explanation is kept in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from audit.errors import UsageProblem
from audit.evidence import pretty_json, read_run, write_folder
from audit.lenses.protocol import as_real
from audit.report.explanation import Explanation, explanation_document, render_explanation

JSON_NAME: Final = "explanation.json"


def write_explanation(folder: Path, run: Path, explanation: Explanation) -> None:
    """Write ``explanation.json``, ``explanation.html`` and the table of words into a folder beside the run.

    Raises:
        UsageProblem: If the folder holds anything but an explanation.
        EnvironmentProblem: If it cannot be written.
    """
    if folder.exists() and not (folder / JSON_NAME).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageProblem(
            f"{folder} holds something that is no explanation.", remedy="Name a new or an empty folder with --out."
        )
    words = [
        {"word": one.word, "text": as_real(one.text.value), "image": as_real(one.image.value)}
        for one in explanation.words
    ]
    write_folder(
        folder,
        source=read_run(run).spec_digest,
        texts={
            JSON_NAME: pretty_json(explanation_document(explanation)).decode("utf-8"),
            "explanation.html": render_explanation(explanation),
        },
        tables={"words": pd.DataFrame(words, columns=["word", "text", "image"])},
    )
