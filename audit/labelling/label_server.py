"""The page on which somebody labels: served to the browsers of this machine alone, and to who has its address.

- It listens on the loopback address. The address holds a token by lot, which is new each time.
- The Host of every request has to be that address: a stranger's name that was bound to 127.0.0.1 (DNS rebinding) is
  refused. So is what another page has a browser ask for, by its ``Origin`` and ``Sec-Fetch-Site``.
- The page loads nothing from elsewhere, and its content security policy allows nothing else. It knows neither prompts
  nor scores nor the names of images: pictures have numbers.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from secrets import compare_digest, token_urlsafe
from typing import TYPE_CHECKING, Final, final

from audit.errors import AuditProblem, EnvironmentProblem, missing_extra
from audit.labelling.label_session import LabelSession
from audit.packaged import LABEL_PAGE
from audit.parsing import parse_json

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route
except ImportError as error:
    raise missing_extra(f"The page for labels needs starlette and uvicorn: {error}.", "label") from error

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST: Final = "127.0.0.1"
_NAMES: Final = (HOST, "localhost")
_MOST_BYTES: Final = 4096
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "": ("label.html", "text/html"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "label.css": ("label.css", "text/css"),
    "label.js": ("label.js", "text/javascript"),
}
"""What is served as it is: name in the address -> file and type."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@final
class LabelPage:
    """The page of one session, and what keeps others from it."""

    def __init__(self, session: LabelSession, port: int) -> None:
        self.session = session
        self.token = token_urlsafe(24)
        self.address = f"http://{HOST}:{port}/{self.token}/"
        self.problem: AuditProblem | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._hosts = frozenset(f"{name}:{port}" for name in _NAMES)

    def app(self) -> ASGIApp:
        """Return the page as an application of ASGI."""
        routes = [
            *(Route(f"/{{token}}/{name}", self._guarded(self._file), methods=["GET"]) for name in _FILES),
            Route("/{token}/state", self._guarded(self._state), methods=["GET"]),
            Route("/{token}/picture/{place:int}", self._guarded(self._picture), methods=["GET"]),
            Route("/{token}/answer", self._guarded(self._answer), methods=["POST"]),
            Route("/{token}/undo", self._guarded(self._undo), methods=["POST"]),
            Route("/{token}/end", self._guarded(self._end), methods=["POST"]),
        ]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False

        async def hardened(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_hardened(message: dict[str, object]) -> None:
                if message["type"] == "http.response.start":
                    extra = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                    message = {**message, "headers": [*message["headers"], *extra]}  # type: ignore[misc]
                await send(message)

            await app(scope, receive, send_hardened)  # type: ignore[arg-type]

        return hardened

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            refusal = self._refusal(request)
            if refusal:
                return PlainTextResponse(f"{refusal}\n", status_code=HTTPStatus.FORBIDDEN)
            try:
                return await answer(request)
            except AuditProblem as problem:
                self.problem = problem
                self.on_end()
                return JSONResponse({"problem": str(problem)}, status_code=HTTPStatus.INTERNAL_SERVER_ERROR)

        return guarded

    def _refusal(self, request: Request) -> str:
        """Say why a request is refused; nothing where it is not."""
        told = request.headers
        host = told.getlist("host")
        if len(host) != 1 or host[0] not in self._hosts:
            return "This page answers to its own address alone."
        if not compare_digest(str(request.path_params["token"]).encode(), self.token.encode()):
            return "The address is wrong. It is shown where `clip-audit label` was called, and is new each time."
        if any(origin != f"http://{host[0]}" for origin in told.getlist("origin")):
            return "Another page asked for this."
        if any(site not in {"same-origin", "none"} for site in told.getlist("sec-fetch-site")):
            return "Another page asked for this."
        if request.method == "POST" and told.get("content-type") != "application/json":
            return "This is no request of the page."  # a form of another page cannot send that type
        return ""

    async def _file(self, request: Request) -> Response:
        name, kind = _FILES[request.url.path.rpartition("/")[2]]
        return Response(LABEL_PAGE.joinpath(name).read_bytes(), media_type=kind)

    async def _state(self, _request: Request) -> Response:
        return JSONResponse(self._told())

    async def _picture(self, request: Request) -> Response:
        place = int(request.path_params["place"])
        if place >= len(self.session.pictures):
            return PlainTextResponse("There is no such picture.\n", status_code=HTTPStatus.NOT_FOUND)
        return Response(self.session.pictures[place], media_type="image/png")

    async def _answer(self, request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return PlainTextResponse("This is too long.\n", status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            said = parse_json(body)
        except ValueError:
            said = None
        match said:
            case {"place": int(place), "question": str(question), "label": str(label)}:
                kept = self.session.answer(place, question, label)
            case _:
                kept = False
        return JSONResponse(self._told(), status_code=HTTPStatus.OK if kept else HTTPStatus.CONFLICT)

    async def _undo(self, _request: Request) -> Response:
        self.session.undo()
        return JSONResponse(self._told())

    async def _end(self, _request: Request) -> Response:
        self.on_end()
        return JSONResponse({"ended": True})

    def _told(self) -> dict[str, object]:
        """Return all that the page knows: what is asked next, or how it ended."""
        session = self.session
        now = session.next
        told: dict[str, object] = {
            "rater": session.log.rater,
            "pictures": len(session.sample),
            "total": session.total,
            "done": session.done,
            "next": None,
            "agreement": [],
        }
        if now is not None:
            answers = [{"label": label, "words": words} for label, words in now.asked.answers.items()]
            asked = {"question": now.asked.question, "words": now.asked.words, "answers": answers}
            return told | {"next": {"place": now.place, **asked}}
        agreements = session.agreements()
        ends = [
            {"words": one.words, "value": found.value, "low": found.low, "high": found.high, "pictures": found.n}
            for one in session.asked
            if (found := agreements.get(one.question)) is not None
        ]
        return told | {"agreement": ends}


def open_port(port: int) -> socket.socket:
    """Return a socket that listens at the loopback address.

    Args:
        port: Its number; 0 for any that is free.

    Raises:
        EnvironmentProblem: If it is taken, or may not be used.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.bind((HOST, port))
        opened.listen()  # whoever gets the address can connect at once, and waits until the page is there
    except OSError as error:
        opened.close()
        raise EnvironmentProblem(
            f"Port {port} of {HOST} cannot be used: {error.strerror}.",
            remedy="Name another one with --port, or leave it out for one that is free.",
        ) from error
    return opened


def serve_page(page: LabelPage, opened: socket.socket) -> None:
    """Serve the page until it is ended, from it or by a signal.

    Raises:
        AuditProblem: If labels could not be written.
        KeyboardInterrupt: If a signal ended it.
    """
    settings = uvicorn.Config(
        page.app(), log_config=None, access_log=False, lifespan="off", ws="none", server_header=False, http="h11"
    )
    settings.timeout_graceful_shutdown = 2
    server = uvicorn.Server(settings)

    def end() -> None:
        server.should_exit = True

    page.on_end = end
    server.run(sockets=[opened])
    if page.problem is not None:
        raise page.problem
