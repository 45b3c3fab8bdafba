"""The date that a report carries."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from audit.errors import UsageProblem


def today() -> str:
    """Return the date that a report carries: that of the clock, or of SOURCE_DATE_EPOCH where that is set.

    Source: https://reproducible-builds.org/specs/source-date-epoch/.
    """
    asked = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not asked:
        return datetime.now(UTC).date().isoformat()
    try:
        return datetime.fromtimestamp(int(asked), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError) as problem:
        raise UsageProblem(
            f"SOURCE_DATE_EPOCH is {asked!r}, which is no date.",
            remedy="Set it to whole seconds since 1970, or unset it.",
        ) from problem
