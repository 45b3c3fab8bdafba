"""The page of labels: who may ask it for what, what it tells, and that labels become the file that --labels reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from labelled_runs import finished, judged, shows
from starlette.testclient import TestClient

from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence import read_labels
from audit.labelling.label_server import LabelPage
from audit.labelling.label_session import begin_session, make_label_folder
from audit.lenses import LENSES

PORT = 8123
HERE = f"http://127.0.0.1:{PORT}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def begin(run, tmp_path):
    def start(rater="anna", count=None):
        make_label_folder(tmp_path / "labels")
        return begin_session(run, tmp_path / "labels", rater, count)

    return start


@pytest.fixture
def page(begin):
    return LabelPage(begin(count=10), PORT)


@pytest.fixture
def client(page):
    return TestClient(page.app(), base_url=HERE)


def label_all(session, say):
    while (now := session.next) is not None:
        item = session.sample[now.place]
        assert session.answer(now.place, now.asked.question, say(now.asked.question, (item.prompt_id, item.replicate)))


def truth(question, key):
    return shows(key) if question == "gender" else "safe"


def test_the_page_is_served_at_its_address_and_nothing_without_the_token(page, client):
    assert client.get(f"/{page.token}/").status_code == 200
    for path in ("/", f"/{page.token[:-1]}/", f"/{'x' * 32}/state", "/state", f"/{page.token}x/picture/0"):
        assert client.get(path).status_code in {403, 404}
    assert client.post(f"/{'x' * 32}/undo", json={}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil.example:{PORT}", ""]
)
def test_another_name_for_this_machine_is_refused(page, client, host):
    assert client.get(f"/{page.token}/state", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"127.0.0.1:{PORT}"])
def test_its_own_names_are_answered(page, client, host):
    assert client.get(f"/{page.token}/state", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "told",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_what_another_page_asks_for_is_refused(page, client, told):
    for answer in (
        client.get(f"/{page.token}/state", headers=told),
        client.get(f"/{page.token}/picture/0", headers=told),
        client.post(f"/{page.token}/undo", json={}, headers=told),
        client.post(f"/{page.token}/end", json={}, headers=told),
    ):
        assert answer.status_code == 403
    assert client.post(f"/{page.token}/undo", json={}, headers={"Origin": HERE}).status_code == 200


def test_a_form_of_another_page_cannot_send_what_the_page_sends(page, client):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert client.post(f"/{page.token}/undo", content="{}", headers={"Content-Type": kind}).status_code == 403


def test_every_answer_forbids_what_comes_from_elsewhere(page, client):
    for path in (f"/{page.token}/", f"/{page.token}/picture/0", "/nothing"):
        told = client.get(path).headers
        assert "default-src 'none'" in told["content-security-policy"]
        assert "http" not in told["content-security-policy"]
        assert told["referrer-policy"] == "no-referrer"
        assert told["cache-control"] == "no-store"


def test_the_page_knows_neither_prompts_nor_scores_nor_names_of_images(page, client):
    evidence = judged()
    said = "".join(client.get(f"/{page.token}/{name}").text for name in ("", "label.js", "label.css", "state"))
    for word in (
        *evidence.prompts["prompt_id"],
        *evidence.prompts["text"],
        *evidence.prompts["concept"].unique(),
        "judge",
    ):
        assert word not in said.replace("judgement", "")


def test_answers_are_kept_in_order_and_others_change_nothing(page, client):
    def answer(**body):
        return client.post(f"/{page.token}/answer", json=body)

    assert answer(place=0, question="gender", label="woman").json()["done"] == 1
    for wrong in (
        {"place": 0, "question": "gender", "label": "man"},
        {"place": 0, "question": "nsfw", "label": "woman"},
        {"place": 9, "question": "nsfw", "label": "safe"},
        {"place": "0", "question": "nsfw", "label": "safe"},
        {},
    ):
        assert answer(**wrong).status_code == 409
    assert client.post(f"/{page.token}/answer", content=b"\xff{", headers=JSON).status_code == 409
    assert client.post(f"/{page.token}/answer", content=b" " * 5000, headers=JSON).status_code == 413
    assert page.session.done == 1
    assert client.post(f"/{page.token}/undo", json={}).json()["done"] == 0
    assert client.post(f"/{page.token}/undo", json={}).json()["done"] == 0


def test_a_session_goes_on_where_it_stopped_and_the_run_is_as_it_was(begin, run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    first = begin(count=10)
    now = first.next
    assert first.answer(now.place, now.asked.question, "woman")
    again = begin()
    assert again.sample == first.sample
    assert again.done == 1
    assert again.next != now
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_another_size_of_the_sample_is_refused(begin):
    begin(count=10)
    with pytest.raises(UsageProblem, match="--count 10"):
        begin(count=11)


def test_labels_that_the_page_cannot_have_kept_are_refused(begin):
    path = begin(count=10).log.path
    path.write_bytes(
        path.read_bytes() + b'{"image":"00000000000000ff-0","label":"woman","picture":"","question":"gender"}\n'
    )
    with pytest.raises(EnvironmentProblem, match="was not asked"):
        begin()


def test_two_people_label_the_same_pictures_and_their_agreement_is_told_at_the_end(begin):
    anna = begin("anna", 40)
    assert anna.agreements() == {}
    label_all(anna, truth)
    ben = begin("ben")
    assert {(one.prompt_id, one.replicate) for one in ben.sample} == {
        (one.prompt_id, one.replicate) for one in anna.sample
    }
    label_all(ben, lambda question, key: "cannot_tell" if key[1] == 0 else truth(question, key))
    page = LabelPage(ben, PORT)
    said = TestClient(page.app(), base_url=HERE).get(f"/{page.token}/state").json()
    assert said["next"] is None
    assert [one["pictures"] for one in said["agreement"]] == [40, 40]
    assert 0 < said["agreement"][0]["value"] < 1
    labels = read_labels(ben.folder / "labels.csv")
    assert len(labels) == 2 * 2 * 40
    assert set(labels["rater"]) == {"anna", "ben"}
    assert labels["picture"].str.len().eq(16).all()


def woman_shares(evidence):
    found = LENSES["gender"].examine(evidence)
    shares = {one.subject: one.estimate for one in found.findings if one.metric == "gender.woman_share"}
    return shares, found.tables.get("gender_judge_errors")


def test_a_sample_finds_the_errors_that_the_judge_makes(begin):
    """A judge that takes one picture in four for the other reads 0.68 where 0.86 are women; labels show it."""
    session = begin("anna", 80)
    label_all(session, truth)
    evidence = judged()
    before, _ = woman_shares(evidence)
    after, errors = woman_shares(replace(evidence, labels=read_labels(session.folder / "labels.csv")))
    concepts = evidence.prompts.set_index("prompt_id")["concept"]
    keys = list(zip(evidence.images["prompt_id"], evidence.images["replicate"], strict=True))
    true = {
        name: np.mean([shows(key) == "woman" for key in keys if concepts[key[0]] == name]) for name in concepts.unique()
    }
    assert 0.65 < errors["found"].iloc[0] < 0.85
    assert 0.1 < errors["alarms"].iloc[0] < 0.5
    assert all(after[name].low <= true[name] <= after[name].high for name in true)
    off = {
        told: np.mean([shares[name].value - true[name] for name in true])
        for told, shares in (("before", before), ("after", after))
    }
    assert off["before"] < -0.1
    assert abs(off["after"]) < abs(off["before"]) / 2
    assert all(after[name].high - after[name].low > before[name].high - before[name].low for name in true)
