"""Runs: what they say, what they answer, and how they go on."""

import json
import shutil
from pathlib import Path

import pytest

import audit.inversion.inverter
from audit.cli.options import slug
from audit.errors import ExitCode
from audit.inversion import RECIPES
from audit.lenses import metric_cards


def test_a_run_answers_with_one_object_and_talks_on_stderr(ran, run_folder):
    answer = ran.json
    assert answer["verdict"] == "inconclusive"
    assert answer["decision"]["exit_code"] == ran.code == ExitCode.INCONCLUSIVE
    assert answer["prompts"] == 3
    assert answer["images"] == 5
    assert answer["judges"] == ["nudenet"]
    for path in answer["report"].values():
        assert path.startswith(str(run_folder))
    assert "inverting: 5 of 5 (100%)" in ran.err
    assert "Inconclusive:" in ran.err


def test_a_waived_sanity_gate_is_said_loudly(ran):
    assert "THE SANITY GATE WAS WAIVED" in ran.err
    assert any("SANITY" in warning for warning in ran.json["warnings"])


def test_what_a_plan_warns_of_is_said_and_answered(ran):
    assert any("'gender'" in warning for warning in ran.json["warnings"])
    assert "UNANSWERED: no judge of this run answers 'gender'" in ran.err


def test_the_report_can_be_made_anew(cli, run_folder):
    said = cli("report", run_folder)
    assert said.code == ExitCode.INCONCLUSIVE
    assert said.out.startswith("Inconclusive: ")
    assert f"Report: {run_folder / 'report.html'}" in said.out
    assert "THE SANITY GATE WAS WAIVED" in said.out
    assert len(said.out.splitlines()) <= 10


def test_more_judges_can_look_later(cli, run_folder, tmp_path):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    said = cli("judge", copy, "--judge", "nudenet", "--json")
    assert said.code == ExitCode.INCONCLUSIVE
    assert said.json["judges"] == ["nudenet"]


def test_an_interrupted_run_says_how_to_go_on_and_does(cli, run_words, run_folder, tmp_path, monkeypatch):
    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(audit.inversion.inverter.Inverter, "make", interrupt)
        said = cli(*run_words, "--out", tmp_path / "run")
    assert said.code == ExitCode.INTERRUPTED
    assert "give the same command again" in said.err
    assert "Traceback" not in said.err
    assert (tmp_path / "run" / "spec.json").is_file()
    assert not (tmp_path / "run" / "run.json").exists()
    assert cli(*run_words, "--out", tmp_path / "run").code == ExitCode.INCONCLUSIVE
    assert (tmp_path / "run" / "findings.json").read_bytes() == (run_folder / "findings.json").read_bytes()


def test_a_run_goes_where_its_name_says(cli, run_words, phantom, tmp_path, monkeypatch):
    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(audit.inversion.inverter.Inverter, "make", interrupt)
    cli(*run_words)
    assert (tmp_path / "runs" / f"{phantom.name}-quick" / "spec.json").is_file()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("phantom:skewed", "phantom-skewed"),
        ("hf-hub:org/repo@main", "hf-hub-org-repo-main"),
        ("/models/../../etc/passwd", "passwd"),
        ("phantom:../../etc", "phantom-..-..-etc"),
        ("..", "checkpoint"),
        ("", "checkpoint"),
        ("名前", "checkpoint"),
        ("x" * 300, "x" * 80),
    ],
)
def test_the_name_of_a_run_folder_is_one_safe_part_of_a_path(name, expected):
    assert slug(name) == expected
    assert "/" not in slug(name)
    assert "\\" not in slug(name)


def test_a_sequential_run_is_of_one_audit(cli, run_words, tmp_path):
    said = cli(*run_words, "--policy", "phantom", "--sequential", "--audit-seeds", 2, "--out", tmp_path / "run")
    assert said.code == 2
    assert "--audit-seeds" in said.err
    assert not (tmp_path / "run").exists()


def test_a_plan_counts_what_a_run_does(cli, run_words):
    words = [word for word in run_words if word != "run"]
    answer = cli("plan", *words, "--json").json
    assert (answer["prompts"], answer["images"], answer["shards"]) == (3, 5, 1)
    assert answer["image_gradients"] == 4 * answer["recipe"]["steps"] * answer["recipe"]["views"]
    said = cli("plan", *words, "--no-probe")
    assert said.code == ExitCode.OK
    assert "image-gradients" in said.out


def test_a_plan_says_how_long_the_run_will_take_part_by_part(cli, run_words):
    words = [word for word in run_words if word != "run"]
    forecast = cli("plan", *words, "--json").json["forecast"]
    assert set(forecast["parts"]) == {"loading", "first_use", "reading", "inverting", "judging"}
    assert forecast["seconds"] == pytest.approx(sum(forecast["parts"].values()), abs=0.01)
    assert forecast["parts"]["inverting"] > 0
    assert forecast["shards_left"] == 1
    assert "Expected on this machine as it is now: " in cli("plan", *words).out
    assert cli("plan", *words, "--no-probe", "--json").json["forecast"] is None


def test_a_plan_counts_what_its_folder_already_holds(cli, run_words, run_folder, tmp_path):
    words = [word for word in run_words if word != "run"]
    said = cli("plan", *words, "--out", run_folder, "--json")
    assert said.json["forecast"]["shards_left"] == said.json["forecast"]["parts"]["inverting"] == 0
    assert "holds some of this run already" in said.err
    other = cli("plan", *words, "--seed", 5, "--out", run_folder, "--no-probe")
    assert "needs another --out" in other.err
    assert other.code == ExitCode.OK


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.toml"
    text = """schema_version = 1
name = "tiny"
[[rule]]
id = "clothed"
metric = "nsfw.raw_rate"
suite = "tiny"
subject = "*"
at_most = 0.9
"""
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_says_what_each_rule_can_tell(cli, run_words, run_folder, policy):
    words = [*(word for word in run_words if word != "run"), "--no-probe"]
    said = cli("plan", *words, "--policy", policy)
    assert said.code == ExitCode.OK, said.err
    (card,) = [card for card in metric_cards() if card.name == "nsfw.raw_rate"]
    assert card.title.lower() in said.out.lower()
    assert "clothed" in said.out
    assert "at most 0.9" in said.out
    assert "2 concepts" in said.out
    (power,) = cli("plan", *words, "--policy", policy, "--like", run_folder, "--json").json["power"]
    assert (power["rule"], power["n"], power["unit"], power["power"]) == ("clothed", 2, "concepts", 0.8)
    assert cli("plan", *words, "--json").json.get("power") is None


def test_a_run_in_rounds_needs_a_policy_to_end_it(cli, run_words, tmp_path):
    said = cli(*run_words, "--sequential", "--out", tmp_path / "run")
    assert said.code == ExitCode.USAGE
    assert "--policy" in said.complaint
    assert not (tmp_path / "run").exists()


def test_a_run_in_rounds_says_what_it_made_and_how_it_is_made_again(cli, run_words, policy, tmp_path):
    said = cli(*run_words, "--policy", policy, "--sequential", "--out", tmp_path / "run", "--json")
    assert said.code == ExitCode.INCONCLUSIVE, said.err  # the sanity check is waived, so it goes to the end
    assert "of 5 planned images were made" in said.json["decision"]["notes"][-1]
    assert "Interim look 1 of 4: inconclusive" in said.err
    assert "planned images were made" in (tmp_path / "run" / "summary.md").read_text(encoding="utf-8")
    assert "--sequential" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_plan_in_rounds_says_what_each_look_takes_and_can_tell(cli, run_words, policy):
    words = [*(word for word in run_words if word != "run"), "--policy", policy, "--sequential"]
    answer = cli("plan", *words, "--json").json
    rounds, (power,) = answer["sequential"], answer["power"]
    assert [one["look"] for one in rounds["looks"]] == [1, 2, 3, 4]
    assert rounds["looks"][-1]["images"] == rounds["fixed_images"] == answer["images"] == 5
    assert rounds["looks"][0]["images"] <= rounds["well_inside"]["images"] <= 5
    assert rounds["well_inside"]["images_by_rule"] == {
        "clothed": pytest.approx(rounds["well_inside"]["images"], abs=0.1)
    }
    assert rounds["looks"][-1]["seconds"] == pytest.approx(answer["forecast"]["seconds"], abs=0.01)
    assert len(power["passed_by_look"]) == 4
    said = cli("plan", *words, "--no-probe")
    assert said.code == ExitCode.OK, said.err
    assert "a run of fixed size makes 5 images:" in said.out
    assert "over 4 interim looks" in said.out
    assert "time so far" not in said.out


def test_a_plan_in_rounds_needs_a_policy(cli, run_words):
    said = cli("plan", *[word for word in run_words if word != "run"], "--sequential")
    assert said.code == ExitCode.USAGE
    assert "--policy" in said.complaint


def test_a_run_to_be_like_needs_a_policy(cli, run_words, run_folder):
    words = [word for word in run_words if word != "run"]
    said = cli("plan", *words, "--like", run_folder)
    assert said.code == ExitCode.USAGE
    assert "no policy is named" in said.complaint


def test_a_text_is_inverted_with_its_progress_and_figures(cli, phantom, tmp_path):
    from PIL import Image

    said = cli("invert", "a photo of a nurse", "--checkpoint", phantom, "--steps", 9, "--replicates", 2,
               "--waive-sanity", "--out", tmp_path / "made", "--json")  # fmt: skip
    assert said.code == ExitCode.OK, said.err
    first, second = said.json["inversions"]
    assert (first["replicate"], second["replicate"]) == (0, 1)
    assert first["image_gradients"] == 9 * RECIPES["fast"].views
    files = first["files"]
    sizes = {}
    for kind in ("image", "enlarged", "progress"):
        with Image.open(files[kind]) as picture:
            sizes[kind] = picture.size
    assert sizes == {"image": (64, 64), "enlarged": (256, 256), "progress": (8 * 64, 64)}
    stored = json.loads(Path(files["figures"]).read_text(encoding="utf-8"))
    assert stored["quality"] == first["quality"]
    assert 0 <= stored["quality"]["own_percentile"] <= 100
    assert len({path for one in (first, second) for path in one["files"].values()}) == 8


@pytest.mark.parametrize(("text", "found"), [("a photo of a unicorn", "'unicorn'"), ("  ", "empty")])
def test_a_text_that_cannot_be_inverted_is_refused(cli, phantom, tmp_path, text, found):
    said = cli("invert", text, "--checkpoint", phantom, "--waive-sanity", "--out", tmp_path / "made")
    assert said.code == ExitCode.USAGE
    assert found in said.complaint
    assert not (tmp_path / "made").exists()
