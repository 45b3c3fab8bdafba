"""The folder that an explanation is kept in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from audit.evidence import pretty_json, read_run, refuse_other, write_folder
from audit.lenses.common.protocol import as_real
from audit.studies.explain.explanation_page import Explanation, explanation_document, render_explanation

JSON_NAME: Final = "explanation.json"


def write_explanation(folder: Path, run: Path, explanation: Explanation) -> None:
    """Write ``explanation.json``, ``explanation.html`` and the table of words into a folder beside the run.

    Raises:
        UsageProblem: If the folder holds anything but an explanation.
        EnvironmentProblem: If it cannot be written.
    """
    refuse_other(folder, mark=JSON_NAME, what="explanation")
    words = [
        {"word": one.word, "text": as_real(one.text.value), "image": as_real(one.image.value)}
        for one in explanation.words
    ]
    write_folder(
        folder,
        source=read_run(run).spec_digest,
        texts={
            JSON_NAME: pretty_json(explanation_document(explanation)),
            "explanation.html": render_explanation(explanation),
        },
        tables={"words": pd.DataFrame(words, columns=["word", "text", "image"])},
    )
