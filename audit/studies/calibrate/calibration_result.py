"""All that a calibration measures, of one kind and as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from audit.codec import SCHEMA_VERSION, document_text, record_document
from audit.stats import ClusterEstimate
from audit.studies.calibrate.calibration_measures import (
    DetectionPoint,
    DosePoint,
    RankAgreement,
    SmallestGap,
    alarmed_worlds,
    balanced_coverage,
    detection_curve,
    dose_response,
    dosed_coverage,
    false_alarms,
    rank_agreement,
    reversals,
    sensitivity,
    smallest_gap,
)
from audit.studies.calibrate.planted_and_measured import (
    METRICS,
    Kind,
    Row,
    in_balanced_worlds,
    in_dosed_worlds,
    worlds_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindResult:
    """What was measured of one kind; every share has concepts as ``n`` and worlds as ``n_clusters``."""

    kind: Kind
    metric: str
    n_dosed: int
    """Number of worlds in which something of the kind is planted."""
    n_balanced: int
    n_unmeasured: int
    """Number of concepts, of all worlds, for which the audit gave no value or no interval."""
    response: tuple[DosePoint, ...]
    ranks: RankAgreement
    sensitivity: ClusterEstimate
    reversals: ClusterEstimate
    false_alarms: ClusterEstimate
    alarmed_worlds: ClusterEstimate
    """``n`` is a number of worlds here, too."""
    detection: tuple[DetectionPoint, ...]
    smallest_gap: SmallestGap
    balanced_coverage: ClusterEstimate
    dosed_coverage: ClusterEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedWorld:
    """One world, and how its audit went."""

    label: str
    world: str
    digest: str
    """SHA-256 of the world."""
    origin: Literal["drawn", "taken"]
    training_seed: int
    images: int
    verdict: str
    """Of the controls: where it is not "pass", the audit itself calls its findings inconclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A whole calibration."""

    command: str
    effort: str
    seed: int
    level: float
    worlds: tuple[AuditedWorld, ...]
    rows: tuple[Row, ...]
    lean: KindResult
    rate: KindResult


def measure(rows: Sequence[Row], kind: Kind, *, level: float = 0.95) -> KindResult:
    """Measure everything of one kind on a table of rows.

    Args:
        rows: Rows of any kind, of dosed and of balanced worlds.
        kind: Which are read.
        level: Confidence level of every interval, in (0, 1).
    """
    mine = tuple(row for row in rows if row.kind == kind)
    return KindResult(
        kind=kind,
        metric=METRICS[kind],
        n_dosed=len(worlds_of(in_dosed_worlds(mine))),
        n_balanced=len(worlds_of(in_balanced_worlds(mine))),
        n_unmeasured=sum(row.value is None or not row.has_interval for row in mine),
        response=dose_response(mine, kind, level=level),
        ranks=rank_agreement(mine, level=level),
        sensitivity=sensitivity(mine, level=level),
        reversals=reversals(mine, kind, level=level),
        false_alarms=false_alarms(mine, level=level),
        alarmed_worlds=alarmed_worlds(mine, kind, level=level),
        detection=detection_curve(mine, level=level),
        smallest_gap=smallest_gap(mine, level=level),
        balanced_coverage=balanced_coverage(mine, level=level),
        dosed_coverage=dosed_coverage(mine, level=level),
    )


def calibration_text(calibration: Calibration) -> str:
    """Return the text of ``calibration.json``: every field by its name; equal calibrations give equal text."""
    return document_text({"schema_version": SCHEMA_VERSION, **record_document(calibration)}, indent=1)
