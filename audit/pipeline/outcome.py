"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit.evidence import Evidence
from audit.records import Decision, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    folder: Path
    findings: tuple[Finding, ...]
    tables: Mapping[str, pd.DataFrame]
    """Tables of the lenses."""
    decision: Decision
    evidence: Evidence
