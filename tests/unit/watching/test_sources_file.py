"""Files of sources: what is refused, each in one paragraph that says where."""

import pytest

from audit.errors import UsageProblem
from audit.watching.sources_file import read_watch

WHOLE = """schema_version = 1
[profile.quick]
effort = "quick"
[[source]]
name = "ours"
profile = "quick"
organisation = "org"
[[webhook]]
name = "team"
url = "https://example.org/hook"
"""


@pytest.fixture
def read(tmp_path):
    def reading(text):
        file = tmp_path / "sources.toml"
        file.write_text(text, encoding="utf-8")
        return read_watch(file)

    return reading


def test_what_is_left_out_has_a_default(read):
    watch = read(WHOLE)
    assert (watch.out, watch.source[0].revision, watch.profile["quick"].policy) == ("watched", "main", None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('organisation = "org"', "", "has one of"),
        ('organisation = "org"', 'organisation = "org"\nfolder = "x"', "no second one"),
        ('effort = "quick"', 'effort = "quik"', "no effort 'quik'"),
        ('effort = "quick"', 'policy = "relese"', "no policy 'relese'"),
        ('effort = "quick"', "tolerance = -1.0", "tolerance"),
        ('profile = "quick"', 'profile = "slow"', "'slow', which is not there"),
        ('profile = "quick"', 'profil = "quick"', "unknown key 'profil'"),
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ("https://example.org", "http://example.org", "https://"),
        ("https://example.org/hook", "http://localhost/hook", "https://"),
        ("https://example.org/hook", "file:///etc/passwd", "https://"),
        ('url = "https://example.org/hook"', "", "either url or url_from"),
        ('organisation = "org"', 'repository = "../../x"', "repository"),
        ('organisation = "org"', 'tracking_uri = "sqlite:///runs.db"', "file://"),
        ('organisation = "org"', 'tracking_uri = "http://"', "file://"),
        ('organisation = "org"', 'tracking_uri_from = "no variable"', "tracking_uri_from"),
        ('organisation = "org"', 'organisation = "org"\nalias = "candidate"', "alias and tags belong"),
        ('organisation = "org"', 'organisation = "org"\ntracking_uri = "https://x"', "no second one"),
        ("[[webhook]]", "[[webhook", "not TOML"),
        ("[[webhook]]", '[[webhook]]\nname = "team"\nurl_from = "X"\n[[webhook]]', "two of [[webhook]]"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(read, old, new, said):
    with pytest.raises(UsageProblem) as caught:
        read(WHOLE.replace(old, new, 1))
    told = str(caught.value)
    assert said in told
    assert "sources.toml, line" in told
    assert "\n" not in told


def test_an_address_from_the_environment_is_held_to_the_same(read, monkeypatch):
    (hook,) = read(WHOLE.replace('url = "https://example.org/hook"', 'url_from = "HOOK"')).webhook
    monkeypatch.delenv("HOOK", raising=False)
    with pytest.raises(UsageProblem, match="HOOK"):
        _ = hook.address
    monkeypatch.setenv("HOOK", "http://10.0.0.1/hook")
    with pytest.raises(UsageProblem, match="https"):
        _ = hook.address
    monkeypatch.setenv("HOOK", "https://example.org/hook")
    assert hook.address == "https://example.org/hook"


def test_a_registry_has_its_address_in_the_file_or_in_the_environment(read, monkeypatch):
    (said,) = read(WHOLE.replace('organisation = "org"', 'tracking_uri = "http://mlflow:5000"')).source
    assert (said.is_registry, said.registry, said.match) == (True, "http://mlflow:5000", ("*",))
    (named,) = read(WHOLE.replace('organisation = "org"', 'tracking_uri_from = "MLFLOW_TRACKING_URI"')).source
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    with pytest.raises(UsageProblem, match="MLFLOW_TRACKING_URI"):
        _ = named.registry
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///registry")
    assert named.registry == "file:///registry"
