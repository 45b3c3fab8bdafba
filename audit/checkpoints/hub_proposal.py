"""A proposal to a hub: a model card in a pull request, which the owner of the model takes or leaves."""

from __future__ import annotations

import re
from typing import Final

from huggingface_hub import CardData, CommitOperationAdd, HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: of its HTTP client, whichever that is
    HfHubHTTPError,
    HTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)

from audit.checkpoints.hub import Repository, refusal
from audit.early_checks import repo_and_revision
from audit.errors import EnvironmentProblem, UsageProblem
from audit.opening import read_text

_README: Final = "README.md"
_BRANCH: Final = "main"
_BEGIN: Final = "<!-- clip-audit: begin -->"
_END: Final = "<!-- clip-audit: end -->"
_OURS: Final = re.compile(rf"\n*{re.escape(_BEGIN)}.*?{re.escape(_END)}\n*", re.DOTALL)


def propose_card(repo: str, text: str) -> str:
    """Propose what a card says to a model on a hub, in a pull request; the model itself stays as it is.

    What its own card says stays too: our section stands between two marks, and takes the place of an earlier one; our
    results take the place of earlier ones of the same source.

    Args:
        repo: ORG/REPO.
        text: A card, as ``clip-audit card`` writes it.

    Returns:
        The address of the pull request.

    Raises:
        UsageProblem: If the hub has no such model, its card cannot be read, or this user may not propose anything.
        EnvironmentProblem: If the hub cannot be reached, or refuses for now.
    """
    repo_and_revision(f"{repo}@{_BRANCH}")
    stands = Repository(repo=repo, revision=_BRANCH).fetch(_README)
    proposed = merged_card("" if stands is None else read_text(stands), text)
    change = CommitOperationAdd(path_in_repo=_README, path_or_fileobj=proposed.encode())
    try:
        made = HfApi().create_commit(
            repo,
            operations=[change],
            commit_message="Add the results of a bias audit",
            commit_description="Proposed by `clip-audit card --push`. Nothing but README.md changes.",
            create_pr=True,
        )
    except LocalTokenNotFoundError as error:
        raise UsageProblem(
            "The hub takes proposals from known users only, and you are not logged in.", remedy="Run `hf auth login`."
        ) from error
    except HfHubHTTPError as error:
        raise refusal(repo, int(error.response.status_code)) from error
    except (HTTPError, OSError, OfflineModeIsEnabled) as error:
        raise EnvironmentProblem(
            f"The card could not be proposed to {repo} ({type(error).__name__}).",
            remedy="Connect to the network (and unset HF_HUB_OFFLINE), and give the command again.",
        ) from error
    return made.pr_url or ""


def merged_card(stands: str, ours: str) -> str:
    """Return the card of a model with what an audit says of it.

    Args:
        stands: The card as it is; empty where there is none.
        ours: A card, as ``clip-audit card`` writes it.

    Raises:
        UsageProblem: If the metadata of the card cannot be read.
    """
    new = ModelCard(ours)
    section = f"{_BEGIN}\n{new.text.strip()}\n{_END}"
    try:
        old = ModelCard(stands) if stands else None
    except (ValueError, TypeError) as error:
        raise UsageProblem(
            f"The metadata of the card cannot be read: {' '.join(str(error).split())[:200]}",
            remedy="Correct the card on the hub first, or copy the section into it by hand.",
        ) from error
    body = "" if old is None else _OURS.sub("\n\n", old.text).strip()
    data = _merged_data(None if old is None else old.data, new.data)
    return "\n".join(["---", data.to_yaml(), "---", "", *([body, ""] if body else []), section, ""])


def _merged_data(old: CardData | None, new: CardData) -> CardData:
    if not isinstance(old, ModelCardData) or not isinstance(new, ModelCardData):
        return new
    results = list(new.eval_results or ())
    ours = {one.source_name for one in results}
    kept = [one for one in old.eval_results or () if one.source_name not in ours or one.source_name is None]
    old.eval_results = [*kept, *results] or None
    old.model_name = old.model_name or new.model_name
    old.tags = list(dict.fromkeys([*(old.tags or ()), *(new.tags or ())]))
    return old
