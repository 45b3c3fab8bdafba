"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit.evidence import Evidence
from audit.records import Decision, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    folder: Path
    findings: tuple[Finding, ...]
    decision: Decision
    evidence: Evidence
