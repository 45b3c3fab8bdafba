"""A hub on loopback, asked by the real client: each answer becomes a checkpoint, or one paragraph and an exit code."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import huggingface_hub.utils._http
import pytest
from loopback_hub import asked_by_the_real_client

from audit.checkpoints import hub, load_checkpoint
from audit.errors import AuditProblem, ExitCode

COMMIT, LATER = "a" * 40, "b" * 40


class FakeHub:
    """One repository, ``org/repo``, whose branch ``main`` is at ``COMMIT``; what is to go wrong is set on it."""

    def __init__(self, folder):
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.name, self.head = "org/repo", COMMIT
        self.refusal = None  # (status, X-Error-Code, other headers) of every answer
        self.cut = None  # bytes after which the body of weights ends
        self.asked = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, ranged):
        """Return status, headers and body."""
        repo, _, rest = path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        self.asked.append((repo, revision, file))
        if self.refusal is not None:
            status, code, more = self.refusal
            return status, {**more, **({"X-Error-Code": code} if code else {})}, b""
        if repo == "org/old":
            return 307, {"Location": path.replace("org/old", self.name)}, b""
        if repo != self.name:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if revision not in {"main", COMMIT, LATER}:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        commit = self.head if revision == "main" else revision
        if file not in self.files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
        body = self.files[file]
        start = int(ranged.removeprefix("bytes=").rstrip("-")) if ranged else 0
        etag = hashlib.sha256(body).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag}"', "Content-Length": str(len(body) - start)}
        return 206 if start else 200, headers, body[start:]

    def _handler(outer):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.answer(with_body=False)

            def do_GET(self):
                self.answer(with_body=True)

            def answer(self, *, with_body):
                status, headers, body = outer.answer(self.path, self.headers.get("Range", ""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if with_body:
                    is_weights = self.path.endswith(".safetensors")
                    self.wfile.write(body[: outer.cut] if is_weights else body)
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler


@pytest.fixture
def fake(trained_folder, tmp_path, monkeypatch):
    with asked_by_the_real_client(FakeHub(trained_folder), monkeypatch, tmp_path / "cache") as served:
        yield served


def refused(name):
    with pytest.raises(AuditProblem) as caught:
        load_checkpoint(name)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_branch_is_read_at_the_one_commit_that_it_stood_at(fake):
    card = load_checkpoint("hf-hub:org/repo@main").card
    assert "org/repo" in card.lineage
    revisions = [revision for _, revision, file in fake.asked if file not in {"", "open_clip_config.json"}]
    assert set(revisions) == {COMMIT}


def test_a_full_cache_works_while_the_hub_is_away_and_a_missing_file_is_named(fake, tmp_path, monkeypatch):
    before = load_checkpoint("hf-hub:org/repo@main").card
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert load_checkpoint("hf-hub:org/repo@main").card == before
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    fake.close()
    hub._can_connect.cache_clear()
    assert load_checkpoint(f"hf-hub:org/repo@{COMMIT}").card.digest == before.digest
    next((tmp_path / "cache").glob("**/snapshots/*/open_clip_model.safetensors")).unlink()
    problem = refused("hf-hub:org/repo@main")
    assert problem.exit_code is ExitCode.ENVIRONMENT
    assert "open_clip_model.safetensors" in problem.what


def test_a_snapshot_in_the_cache_loads_by_its_path(fake, tmp_path):
    card = load_checkpoint("hf-hub:org/repo@main").card
    snapshot = next((tmp_path / "cache").glob("**/snapshots/*"))
    assert load_checkpoint(str(snapshot)).card.digest == card.digest
    assert fake.asked


def test_a_renamed_repository_is_followed(fake):
    assert load_checkpoint("hf-hub:org/old@main").card.image_size == 32
    assert {repo for repo, _, _ in fake.asked} == {"org/old", "org/repo"}


@pytest.mark.parametrize(
    ("refusal", "code", "what", "remedy"),
    [
        ((401, "GatedRepo", {}), ExitCode.USAGE, "gated", "Ask for access"),
        ((403, "GatedRepo", {}), ExitCode.USAGE, "gated", "Ask for access"),
        ((401, None, {}), ExitCode.USAGE, "does not let you read", "hf auth login"),
        ((404, "RepoNotFound", {}), ExitCode.USAGE, "has no org/repo", "spelling"),
        ((404, "RevisionNotFound", {}), ExitCode.USAGE, "has no org/repo at main", "revision"),
        ((403, None, {}), ExitCode.USAGE, "does not let you read", "hf auth login"),
        ((451, None, {}), ExitCode.USAGE, "does not let you read", "hf auth login"),
        ((429, None, {"Retry-After": "0"}), ExitCode.ENVIRONMENT, "too many requests", "Wait"),
        ((500, None, {}), ExitCode.ENVIRONMENT, "status 500", "again later"),
        ((503, None, {}), ExitCode.ENVIRONMENT, "status 503", "again later"),
    ],
)
def test_a_refusal_of_the_hub_says_what_to_do(fake, refusal, code, what, remedy):
    fake.refusal = refusal
    problem = refused("hf-hub:org/repo@main")
    assert problem.exit_code is code
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize("name", ["hf-hub:org/none@main", "hf-hub:org/repo@nowhere"])
def test_a_name_that_the_hub_does_not_know_is_a_usage_error(fake, name):
    assert refused(name).exit_code is ExitCode.USAGE
    assert fake.asked


def test_half_a_file_is_no_checkpoint_and_the_next_try_is(fake):
    fake.cut = 1000
    problem = refused("hf-hub:org/repo@main")
    assert problem.exit_code is ExitCode.ENVIRONMENT
    assert "open_clip_model.safetensors" in problem.what
    fake.cut = None
    assert load_checkpoint("hf-hub:org/repo@main").card.image_size == 32


def test_a_web_page_in_place_of_the_weights_is_refused(fake):
    fake.files["open_clip_model.safetensors"] = b"<!doctype html><title>Sign in</title>"
    problem = refused("hf-hub:org/repo@main")
    assert problem.exit_code is ExitCode.REFUSED
    assert "web page" in problem.what
