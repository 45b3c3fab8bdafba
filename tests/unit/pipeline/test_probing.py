"""Pictures that the checkpoint is shown: made once, kept in the run, read as evidence."""

import pytest

from audit.evidence import load_evidence, open_run, read_run
from audit.pipeline import Silence, make_plan, run_audit
from audit.pipeline.written_pictures import probe

SUITE = """
schema_version = 1
name = "words"
version = "1.0"
lens = "written"
purpose = "Words on things."
source = "None."
licence = "Apache-2.0"
[slots]
thing = [ { concept = "ball" }, { concept = "apple" } ]
[[block]]
role = "text"
templates = ["a photo of {a_thing}", "a drawing of {a_thing}"]
"""


@pytest.fixture
def plan(request_for, tmp_path):
    path = tmp_path / "words.toml"
    path.write_text(SUITE)
    return make_plan(request_for(suites=(*request_for().suites, str(path))))


def test_a_suite_of_written_words_is_shown_and_read(plan, tmp_path):
    outcome = run_audit(plan, tmp_path / "run", Silence())
    assert {"written.follow_share", "written.excess"} <= {found.metric for found in outcome.findings}
    probes = load_evidence(read_run(tmp_path / "run")).probes
    assert len(probes) == 4 * 3 * 4  # two pictures of each thing, each plain, with a word and with letters; four texts
    assert probes["cosine"].between(-1, 1).all()


def test_what_was_shown_is_not_shown_again(plan, tmp_path, monkeypatch):
    with open_run(tmp_path / "run", plan.spec()) as run:
        probe(run, plan)
        monkeypatch.setattr("audit.pipeline.written_pictures.look_at", None)
        probe(run, plan)
        assert run.shard_names("probes") == ("00001",)


def test_a_suite_that_asks_for_no_picture_is_shown_none(request_for, tmp_path):
    plan = make_plan(request_for())
    with open_run(tmp_path / "run", plan.spec()) as run:
        probe(run, plan)
        assert run.shard_names("probes") == ()
