"""Notices to webhooks: https or this machine alone, no redirects, bounded in time; nothing of the answer is read."""

from __future__ import annotations

import json
import threading
from typing import Final, final
from urllib.request import HTTPRedirectHandler, Request, build_opener

from audit.errors import EnvironmentProblem
from audit.watching.ledger import Entry
from audit.watching.sources_file import Webhook

PATIENCE: Final = 10.0
"""Seconds that a webhook has to answer."""
_LONGEST: Final = 2500
"""Characters of a message for people."""


@final
class _NoRedirects(HTTPRedirectHandler):
    # typing has no override in Python 3.11
    def redirect_request(  # type: ignore[explicit-override]
        self, req: object, fp: object, code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Follow none: where a notice goes stands in the file of sources."""


def send(webhook: Webhook, entry: Entry) -> None:
    """Tell a webhook of one audit; the header ``Idempotency-Key`` is the same whenever the same is told again.

    Raises:
        UsageProblem: If it has no address that a notice may go to.
        EnvironmentProblem: If it does not answer in time, or with another status than 2xx.
    """
    body = json.dumps(message(webhook, entry)).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": entry.key, "User-Agent": "clip-audit"}
    request = Request(webhook.address, data=body, headers=headers, method="POST")  # noqa: S310  (checked to be https)
    failed: list[str] = ["it did not answer in time"]
    poster = threading.Thread(target=_post, args=(request, failed), daemon=True)
    poster.start()
    poster.join(PATIENCE)
    if failed:
        raise EnvironmentProblem(
            f"The webhook {webhook.name} was not told of {entry.name}: {failed[-1]}.", remedy="A later round tells it."
        )


def _post(request: Request, failed: list[str]) -> None:
    """Post, and empty ``failed`` if it arrived. In a thread: a server that sends a byte at a time never times out."""
    try:
        with build_opener(_NoRedirects()).open(request, timeout=PATIENCE):
            failed.clear()
    except (OSError, ValueError) as error:  # what urllib raises for other statuses is an OSError too
        failed.append(f"{type(error).__name__}: {str(error)[:120]}")


def message(webhook: Webhook, entry: Entry) -> dict[str, object]:
    """Return what a webhook is told: all of it, or text for people in the form of Slack."""
    if webhook.form == "json":
        return entry.document()
    text = entry.sentence + (f"\nReport: {entry.report}" if entry.report else "")
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # no mention of a channel, no link
        text = text.replace(sign, escaped)
    return {"text": text[:_LONGEST]}
