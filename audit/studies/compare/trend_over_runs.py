"""What becomes of a finding over runs of several checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from audit.records import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A finding about a whole suite in every run, and its slope over them."""

    lens: str
    suite: str
    metric: str
    unit: str
    values: tuple[Estimate, ...]
    """One per run, in the order in which the runs were given."""
    slope: Estimate
    """Change of the value per step of the axis, in the unit of the metric."""
    order: float | None
    """Spearman's correlation of the values with the axis; ``None`` where a value is missing or all are equal."""
    p_value: float | None
    """Of no slope, two-sided."""
    p_adjusted: float | None
    note: str

    @property
    def finding_id(self) -> str:
        """Name of the finding in every run."""
        return f"{self.metric}:{self.suite}:*"
