"""Training data by tag, and what two models have in common."""

import open_clip
import pytest

from audit.checkpoints.names import _data_of_repository
from audit.errors import RefusedProblem
from audit.judges.judge_protocol import refuse_relative
from audit.lineage import DATA_OF_TAG, data_as_said, data_of_tag, kinship, relatives_among, sources
from audit.records import CheckpointCard, JudgeCard


def lineage(tag):
    return (tag, f"laion/CLIP-{tag}", *data_of_tag(tag))


def test_every_pretrained_tag_of_the_installed_open_clip_has_a_row():
    assert {tag for _, tag in open_clip.list_pretrained()} <= DATA_OF_TAG.keys()


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("laion2b_e16", "laion2b_s34b_b79k", "LAION"),
        ("laion2b_e16", "laion400m_e32", "LAION"),
        ("laion_aesthetic_s13b_b82k", "laion5b_s13b_b90k", "LAION"),
        ("datacomp_xl_s13b_b90k", "commonpool_s_s13m_b4k", "CommonPool"),
        ("dfn5b", "datacomp1b", "CommonPool"),
        ("openai", "yfcc15m", "YFCC100M"),
        ("metaclip_400m", "metaclip2_worldwide", "MetaCLIP"),
        ("meta", "metaclip_fullcc", "MetaCLIP"),
        ("merged2b_s8b_b131k", "laion400m_e31", "LAION"),
        ("datacompdr", "openai", "WIT (OpenAI)"),
        ("v1", "webli", "WebLI"),
    ],
)
def test_two_models_of_one_source_are_relatives(one, other, shared):
    kin = kinship(lineage(one), lineage(other))
    assert kin.kind == "relative"
    assert shared in kin.shared
    assert kin == kinship(lineage(other), lineage(one))


@pytest.mark.parametrize(("one", "other"), [("openai", "laion2b_e16"), ("webli", "dfn2b"), ("cc12m", "yfcc15m")])
def test_models_without_a_common_source_are_apart(one, other):
    assert kinship(lineage(one), lineage(other)).kind == "apart"


def test_two_sources_of_one_crawl_are_not_shown_independent():
    kin = kinship(lineage("laion2b_e16"), lineage("metaclip_400m"))
    assert (kin.kind, kin.shared) == ("one crawl", ("Common Crawl",))
    assert "not shown independent" in kin.sentence


def test_of_what_nothing_is_known_nothing_is_shown():
    for other in ((), ("some/repository", "weights:00ff")):
        assert "not shown independent" in kinship(lineage("webli"), other).sentence


def test_what_a_folder_says_of_itself_makes_it_a_relative_but_not_independent_in_silence():
    assert kinship(data_as_said(["laion-2b"]), lineage("laion400m_e32")).kind == "relative"
    kin = kinship(data_as_said(["our own photographs"]), lineage("laion400m_e32"))
    assert kin.kind == "stated"
    assert "as far as their makers state" in kin.sentence


def test_the_architecture_of_two_models_is_no_lineage():
    assert sources(["ViT-B-32", "weights:00ff"]) == frozenset()


def test_a_judge_of_the_same_training_data_is_refused():
    fixed = {"image_size": 8, "embedding_size": 6, "context_length": 16, "quick_gelu": False}
    audited = CheckpointCard(name="theirs", digest="e" * 64, architecture="x", lineage=lineage("laion2b_e16"), **fixed)
    judge = JudgeCard(name="zero_shot:ours", digest="f" * 64, classes=(), asks=(), lineage=lineage("laion400m_e32"))
    with pytest.raises(RefusedProblem, match="they share LAION\\."):
        refuse_relative(judge, audited)


def test_relatives_among_judges_are_named_with_what_they_share():
    found = relatives_among({"a": lineage("laion2b_e16"), "b": lineage("webli"), "c": lineage("laion400m_e32")})
    assert found == (("a", "c", ("LAION",)),)


@pytest.mark.parametrize("repo", ["laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "LAION/clip-vit-b-32-laion2b-s34b-b79k"])
def test_weights_of_open_clip_named_by_their_repository_have_the_same_data(repo):
    assert _data_of_repository(repo) == ("trained on LAION-2B",)
    assert _data_of_repository("some/other-repository") == ()
