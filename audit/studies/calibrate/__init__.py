"""The calibration of the instrument: pure functions on a table of planted and measured values; no tensors.

Read in this order: ``table`` (a row per world and concept), ``response`` (dose against response, rank agreement),
``detection`` (sensitivity, false alarms), ``gap`` (smallest detectable gap), ``coverage`` (of the reported
intervals), ``result`` (all of it). Worlds are the unit: concepts of one world share a training.
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
