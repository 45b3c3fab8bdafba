"""A hub on loopback with several repositories that change between rounds, and a webhook; what goes wrong is set."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import huggingface_hub.constants
import huggingface_hub.utils._http

from audit.checkpoints import hub as checkpoint_hub


@contextmanager
def asked_by_the_real_client(served, monkeypatch, cache):
    """Let huggingface_hub and our loader ask ``served`` alone, without a token; what they fetch is in ``cache``."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no token"))
    monkeypatch.setattr(checkpoint_hub, "ENDPOINT", served.url)
    monkeypatch.setattr(huggingface_hub.utils._http.time, "sleep", lambda _seconds: None)  # before it tries again
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    checkpoint_hub._can_connect.cache_clear()
    try:
        yield served
    finally:
        served.close()
        checkpoint_hub._can_connect.cache_clear()


class Served:
    """A server on loopback; ``faults`` maps the beginning of a path to a status, "hang" or "half"."""

    def __init__(self):
        self.faults = {}
        self.asked = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.handle_error = lambda *_: None  # who gave up waiting has hung up
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(outer):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.answer()

            def do_GET(self):
                self.answer()

            def do_POST(self):
                self.answer()

            def answer(self):
                outer.asked.append(self.path)
                fault = next((what for path, what in outer.faults.items() if self.path.startswith(path)), None)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fault == "hang":
                    threading.Event().wait(1.5)  # time.sleep is patched away
                if isinstance(fault, int):
                    status, headers, content = fault, {"Location": f"{outer.url}/elsewhere", "Retry-After": "0"}, b""
                else:
                    status, headers, content = outer.reply(self.path, body, self.headers)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content[: len(content) // 2] if fault == "half" else content)
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler


class Hub(Served):
    def __init__(self):
        self.repos = {}  # name -> commits, each a pair of its digest and its files
        super().__init__()

    def push(self, name, **files):
        """Commit files; others stay as they were."""
        commits = self.repos.setdefault(name, [])
        whole = {**(commits[-1][1] if commits else {}), **{key.replace("__", "."): data for key, data in files.items()}}
        commits.append((hashlib.sha1(f"{name} {len(commits)}".encode()).hexdigest(), whole))  # noqa: S324

    def reply(self, path, _body, _headers):
        parts = urlsplit(path)
        words = parts.path.strip("/").split("/")
        if parts.path == "/api/models":
            author = parse_qs(parts.query)["author"][0]
            names = [name for name in self.repos if name.startswith(f"{author}/")]
            return self.json([{"id": name, "sha": self.repos[name][-1][0]} for name in names])
        if words[:2] == ["api", "collections"]:
            items = [{"_id": name, "id": name, "type": "model", "position": 0} for name in self.repos]
            told = {"slug": "/".join(words[2:]), "title": "clips", "owner": {"name": "org"}, "items": items}
            told |= {"private": False, "theme": "blue", "position": 0, "upvotes": 0}
            return self.json({**told, "lastUpdated": "2026-11-20T00:00:00.000Z"})
        if words[:2] != ["api", "models"] and "resolve" not in words:
            return 404, {}, b""  # what else the client asks a hub
        if words[0] == "api":
            return self.described("/".join(words[2:4]), words[5])
        return self.file("/".join(words[:2]), words[3], "/".join(words[4:]))

    def described(self, name, revision):
        sha, files = self.at(name, revision)
        if sha is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        siblings = [
            {"rfilename": file, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}  # noqa: S324
            for file, data in files.items()
        ]
        return self.json({"id": name, "sha": sha, "siblings": siblings})

    def file(self, name, revision, file):
        sha, files = self.at(name, revision)
        if sha is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if file not in files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha}, b""
        return 200, {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha256(files[file]).hexdigest()}"'}, files[file]

    def at(self, name, revision):
        found = [commit for commit in self.repos.get(name, ()) if revision in {commit[0], "main"}]
        return found[-1] if found else (None, {})

    def json(self, value):
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


class Listener(Served):
    """A webhook."""

    def __init__(self):
        self.heard = []
        super().__init__()

    def reply(self, path, body, headers):
        self.heard.append((path, headers["Idempotency-Key"], json.loads(body)))
        return 200, {}, b""
