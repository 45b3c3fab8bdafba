"""The calibration of the instrument: pure functions on a table of planted and measured values; no tensors.

Read in this order: ``planted_and_measured`` (a row per world and concept), ``calibration_measures`` (dose against
response, sensitivity, false alarms, smallest detectable gap, coverage), ``calibration_result`` (all of it). Worlds are
the unit: concepts of one world share a training.
"""

from audit.studies.calibrate.calibration_measures import SmallestGap
from audit.studies.calibrate.calibration_result import AuditedWorld, Calibration, KindResult, calibration_text, measure
from audit.studies.calibrate.planted_and_measured import KINDS, Kind, Row, rows_of

__all__ = [
    "KINDS",
    "AuditedWorld",
    "Calibration",
    "Kind",
    "KindResult",
    "Row",
    "SmallestGap",
    "calibration_text",
    "measure",
    "rows_of",
]
