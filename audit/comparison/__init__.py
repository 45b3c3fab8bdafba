"""Runs beside each other: what got worse, what got better, what cannot be told; and what rises or falls over many.

Only the checkpoint may differ between them. Their images are pairs, made from the same text, noise and views, so what
both runs have in common cancels.
"""

from audit.comparison.changes_json import changes_document, changes_text
from audit.comparison.many import FEWEST, ONE_TRAINING, ManyRuns, axis_of, compare_many
from audit.comparison.many_writing import TRENDS_NAME, many_document, write_many
from audit.comparison.outcomes import Outcome, Told, tell
from audit.comparison.runs import ComparedRun, Comparison, changes_since, compare_runs
from audit.comparison.tables import changes_table
from audit.comparison.writing import check_folder, write_comparison

__all__ = [
    "FEWEST",
    "ONE_TRAINING",
    "TRENDS_NAME",
    "ComparedRun",
    "Comparison",
    "ManyRuns",
    "Outcome",
    "Told",
    "axis_of",
    "changes_document",
    "changes_since",
    "changes_table",
    "changes_text",
    "check_folder",
    "compare_many",
    "compare_runs",
    "many_document",
    "tell",
    "write_comparison",
    "write_many",
]
