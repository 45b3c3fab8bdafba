import json
import shutil
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem
from audit.report.method import shipped_appendix

SHIPPED = Path(__file__).parents[3] / "reports" / "calibration"


def test_the_shipped_appendix_is_whole():
    appendix = shipped_appendix()
    assert len(appendix.table.rows) >= 16
    assert {len(row) for row in appendix.table.rows} == {len(appendix.table.columns)}
    assert [figure.name for figure in appendix.figures] == ["dose-response"]
    assert all(figure.svg.startswith("<svg") and figure.equivalent for figure in appendix.figures)
    assert any("clip-audit phantom calibrate" in sentence for sentence in appendix.sentences)


def test_what_the_validation_study_measured_stands_below_it_misses_included(tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / "calibration")
    (folder / "validation.json").unlink(missing_ok=True)
    before = shipped_appendix(folder)
    said = ["8 of 12 trainings.", "False alarms: 0.12 (0.05 to 0.20), at most 0.05: missed."]
    (folder / "validation.json").write_text(json.dumps({"sentences": said}), encoding="utf-8")
    after = shipped_appendix(folder)
    assert after.table.rows == before.table.rows
    assert [sentence for sentence in after.sentences if sentence not in before.sentences] == said
    assert any("found on its side: 0.406" in one and "missed" in one for one in shipped_appendix().sentences)


@pytest.mark.parametrize("name", ["appendix.json", "dose_response.svg"])
def test_a_missing_file_is_named_with_its_remedy(tmp_path, name):
    folder = shutil.copytree(SHIPPED, tmp_path / "calibration")
    (folder / name).unlink()
    with pytest.raises(EnvironmentProblem, match="git checkout -- reports/calibration"):
        shipped_appendix(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lines": 1, "equivalents": {}, "sentences": []}'])
def test_damaged_texts_are_told_as_such(tmp_path, text):
    folder = shutil.copytree(SHIPPED, tmp_path / "calibration")
    (folder / "appendix.json").write_text(text, encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        shipped_appendix(folder)
