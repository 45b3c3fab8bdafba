"""Two runs beside each other: what got worse, what got better, and what cannot be told.

Only the checkpoint may differ between them. Their images are pairs, made from the same text, noise and views, so what
both runs have in common cancels.
"""

from audit.comparison.changes_json import changes_document, changes_text
from audit.comparison.outcomes import Outcome, Told, tell
from audit.comparison.runs import ComparedRun, Comparison, changes_since, compare_runs
from audit.comparison.tables import changes_table
from audit.comparison.writing import check_folder, write_comparison

__all__ = [
    "ComparedRun",
    "Comparison",
    "Outcome",
    "Told",
    "changes_document",
    "changes_since",
    "changes_table",
    "changes_text",
    "check_folder",
    "compare_runs",
    "tell",
    "write_comparison",
]
