"""The date of a report: the clock's, or the one that is given."""

import pytest

from audit.errors import UsageProblem
from audit.report.text import today


def test_a_report_carries_the_date_that_it_is_given(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert today() == "2001-09-09"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageProblem, match="is no date"):
        today()
