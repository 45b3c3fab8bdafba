import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from audit.errors import AuditProblem
from audit.evidence import findings_document, findings_text, read_findings
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
    estimand="This checkpoint's answer.",
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
                "estimand": "This checkpoint's answer.",
                "judge_error": "",
            }
        ],
    }


def test_findings_of_an_earlier_version_say_nothing_of_an_estimand_and_are_read(tmp_path):
    document = json.loads(findings_text([FINDING]))
    del document["findings"][0]["estimand"]
    assert read_findings(kept(tmp_path, json.dumps(document))) == (replace(FINDING, estimand=""),)


@pytest.mark.parametrize("number", [math.nan, math.inf, None])
def test_what_is_no_number_is_null(number):
    text = findings_text([replace(FINDING, neutral=None, estimate=replace(FINDING.estimate, value=number))])
    assert json.loads(text)["findings"][0]["estimate"]["value"] is None
    assert "NaN" not in text


def test_two_findings_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Two findings are called gender"):
        findings_document([FINDING, FINDING])


def kept(folder: Path, text: str) -> Path:
    path = folder / "findings.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_was_written_reads_back_as_it_was(tmp_path):
    silent = replace(
        FINDING, subject="pilot", neutral=None, p_value=None, estimate=replace(FINDING.estimate, value=None)
    )
    assert read_findings(kept(tmp_path, findings_text([FINDING, silent]))) == (FINDING, silent)


def entry(**changes: object) -> str:
    """Return the text of a file with one finding, of which something is changed."""
    document = findings_document([FINDING])
    document["findings"][0] |= changes
    return json.dumps(document)


NUMBERS = {"low": 0.0, "high": 1.0, "level": 0.9, "method": "Wilson", "n_images": 2, "n_prompts": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"schema_version": 1, "findings": NaN}', "no JSON object"),
        ('{"schema_version": 2, "findings": []}', "newer clip-audit"),
        ('{"schema_version": 1}', "findings: found null; input should be a valid array"),
        ('{"schema_version": 1, "findings": [3]}', r"findings\.0: found 3; input should be"),
        ('{"schema_version": 1, "findings": [{"id": "x"}]}', r"findings\.0\.lens: found nothing; field required"),
        (entry(suite=3), r"findings\.0\.suite: found 3; input should be a valid string"),
        (entry(wing="left"), r"findings\.0 has no field 'wing'"),
        (entry(estimate={**NUMBERS, "value": "0.5"}), r"findings\.0\.estimate\.value: found \"0\.5\""),
        (entry(estimate={**NUMBERS, "value": 0.5, "wing": 1}), r"findings\.0\.estimate has no field 'wing'"),
        (entry(estimate=NUMBERS), r"findings\.0\.estimate\.value: found nothing"),
    ],
)  # fmt: skip
def test_what_are_no_findings_of_this_version_is_refused_with_its_place(tmp_path, text, words):
    path = kept(tmp_path, text)
    with pytest.raises(AuditProblem, match=words) as refused:
        read_findings(path)
    assert str(path) in refused.value.what
    assert refused.value.remedy
