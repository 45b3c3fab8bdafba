import json
import math
from dataclasses import replace

import pytest

from audit.lenses import findings_document, findings_text, read_findings
from audit.records import Estimate, Finding, Method

FINDING = Finding(
    lens="gender",
    suite="professions",
    subject="nurse",
    metric="gender.lean",
    unit="signed score",
    neutral=0.0,
    estimate=Estimate(value=0.1, low=-0.2, high=0.4, level=0.95, method=Method.T, n_images=8, n_prompts=4),
    p_value=0.3,
    n_unscored=1,
    note="Judge: j.",
)


def test_document_has_the_agreed_shape():
    assert json.loads(findings_text([FINDING])) == {
        "schema_version": 1,
        "findings": [
            {
                "id": "gender.lean:professions:nurse",
                "lens": "gender",
                "suite": "professions",
                "subject": "nurse",
                "metric": "gender.lean",
                "unit": "signed score",
                "neutral": 0.0,
                "estimate": {
                    "value": 0.1,
                    "low": -0.2,
                    "high": 0.4,
                    "level": 0.95,
                    "method": "t over prompts",
                    "n_images": 8,
                    "n_prompts": 4,
                },
                "p_value": 0.3,
                "p_adjusted": None,
                "n_unscored": 1,
                "note": "Judge: j.",
            }
        ],
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, None])
def test_what_is_no_number_is_null(number):
    text = findings_text([replace(FINDING, neutral=None, estimate=replace(FINDING.estimate, value=number))])
    assert json.loads(text)["findings"][0]["estimate"]["value"] is None
    assert "NaN" not in text


def test_two_findings_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Two findings are called gender"):
        findings_document([FINDING, FINDING])


def test_what_was_written_reads_back_as_it_was():
    silent = replace(
        FINDING, subject="pilot", neutral=None, p_value=None, estimate=replace(FINDING.estimate, value=None)
    )
    assert read_findings(findings_text([FINDING, silent])) == (FINDING, silent)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema_version": 2, "findings": []}', '{"schema_version": 1}',
             '{"schema_version": 1, "findings": [{"id": "x"}]}'],
)  # fmt: skip
def test_what_are_no_findings_of_this_version_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_findings(text)
