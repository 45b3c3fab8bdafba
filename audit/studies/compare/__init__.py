"""Runs beside each other: what got worse, what got better, what cannot be told; and what rises or falls over many.

Only the checkpoint may differ between them. Their images are pairs, made from the same text, noise and views, so what
both runs have in common cancels.
"""

from audit.studies.compare.many_runs import (
    FEWEST,
    ONE_TRAINING,
    TRENDS_NAME,
    ManyRuns,
    axis_of,
    compare_many,
    many_document,
    write_many,
)
from audit.studies.compare.two_runs import (
    ComparedRun,
    Comparison,
    JudgedChange,
    Outcome,
    changes_document,
    changes_table,
    changes_text,
    check_folder,
    compare_runs,
    judge_changes,
    write_comparison,
)

__all__ = [
    "FEWEST",
    "ONE_TRAINING",
    "TRENDS_NAME",
    "ComparedRun",
    "Comparison",
    "JudgedChange",
    "ManyRuns",
    "Outcome",
    "axis_of",
    "changes_document",
    "changes_table",
    "changes_text",
    "check_folder",
    "compare_many",
    "compare_runs",
    "judge_changes",
    "many_document",
    "write_comparison",
    "write_many",
]
