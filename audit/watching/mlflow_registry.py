"""A registry of MLflow: the newest version of each model, and its files; by mlflow-skinny, which is the client alone.

Only files that a checkpoint is made of are fetched; MLflow's description of a model, and code beside it, are not.
"""

from __future__ import annotations

import hashlib
import re
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, final
from urllib.parse import urlsplit

from audit.checkpoints.hub_listing import DECIDING
from audit.early_checks import CONFIG_FILE, TRANSFORMERS_CONFIG_FILE
from audit.errors import AuditProblem, EnvironmentProblem, RefusedProblem, UsageProblem, missing_extra
from audit.evidence.files import disk_problems
from audit.opening import is_there, shown_address, size_of
from audit.report.text import clean
from audit.watching.registries import MODELS, Version

try:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.tracking import MlflowClient
except ImportError as error:
    raise missing_extra(f"Watching a registry of MLflow needs a package: {error}.", "mlflow") from error

_PAGE: Final = 100
"""Models, or versions of one, that are asked for at once."""
_MOST: Final = 2000
"""Models of a registry that are looked at, and files and folders of a version."""
_MOST_BYTES: Final = 2**36
_SPARE_BYTES: Final = 2**30
"""Of a disk, left free for the run; and by so much at most a file is longer than all were said to be together."""
_NAME: Final = re.compile(r"[^\W_][\w .,+()@=-]{0,199}")
_STEP: Final = re.compile(r"\w[\w .,+()@=-]{0,199}")
_SERVED: Final = ("http", "https", "mlflow-artifacts")
_ELSEWHERE: Final = {"s3": "boto3", "gs": "google-cloud-storage", "wasbs": "azure-storage-blob"}
"""Where artefacts may lie besides the server and a folder, and the package that reads them there."""
_ABSENT: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_LET_IT_SERVE: Final = "let MLflow's server serve the artefacts (`mlflow server --artifacts-destination ...`)"


def connect(address: str) -> MlflowRegistry:
    """Return the registry at an address; it is asked when something is wanted of it."""

    def repository(place: str) -> ArtifactRepository:
        return get_artifact_repository(place, tracking_uri=address, registry_uri=address)

    return MlflowRegistry(
        address=address, client=MlflowClient(tracking_uri=address, registry_uri=address), repository=repository
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowRegistry:
    """See :class:`audit.watching.registries.Registry`."""

    address: str
    client: MlflowClient
    repository: Callable[[str], ArtifactRepository]
    """The artefacts at a place."""

    def models(self) -> Iterator[str]:
        """Yield the names of the registered models, sorted.

        Raises:
            UsageProblem: If the registry does not let us.
            EnvironmentProblem: If it does not answer.
        """
        names: list[str] = []
        token: str | None = None
        try:
            while len(names) < _MOST:
                page = self.client.search_registered_models(max_results=_PAGE, page_token=token)
                names += [str(model.name) for model in page]
                token = page.token
                if not token or not page:
                    break
        except Exception as error:
            raise self._problem("be asked for its models", error) from error
        yield from sorted(set(names[:_MOST]))

    def newest(self, model: str, *, alias: str | None, tags: Mapping[str, str]) -> Version | None:
        """Return one version; see :class:`audit.watching.registries.Registry`.

        Raises:
            UsageProblem: If the model's name is none that could be asked for, or the registry does not let us.
            EnvironmentProblem: If it does not answer.
        """
        if not _NAME.fullmatch(model):
            raise UsageProblem(
                f"The registered model {ascii(model)[:80]} has a name that is not taken.",
                remedy="Names of letters, digits, spaces and .,+()@=_- are.",
            )
        try:
            found = self._versions(model, alias)
            fit = (one for one in found if one.status == "READY" and tags.items() <= one.tags.items())
            newest = next(fit, None)
            return None if newest is None else self._told(newest)
        except Exception as error:
            raise self._problem(f"be asked about {model}", error) from error

    def _told(self, version: ModelVersion) -> Version:
        told = (shown_address(self.address), _commit(version), str(version.source), str(version.run_id))
        identity = hashlib.sha256("\n".join(told).encode("utf-8", "surrogatepass")).hexdigest()
        return Version(
            model=str(version.name), number=str(int(version.version)), commit=_commit(version), identity=identity
        )

    def _versions(self, model: str, alias: str | None) -> Sequence[ModelVersion]:
        if alias is None:
            order = ["version_number DESC"]
            return list(self.client.search_model_versions(f"name='{model}'", order_by=order, max_results=_PAGE))
        try:
            return [self.client.get_model_version_by_alias(model, alias)]
        except MlflowException as error:
            if error.error_code in _ABSENT:
                return []
            raise

    def fetch(self, checkpoint: str, commit: str, folder: Path) -> Path:
        """Bring the files of a version into an empty folder.

        Args:
            checkpoint: ``models:/NAME/VERSION``.
            commit: What the version was when it was seen.
            folder: Where to.

        Returns:
            The checkpoint's folder in it.

        Raises:
            UsageProblem: If the version is gone, or is another one now.
            RefusedProblem: If it holds no checkpoint, or lies where nothing is fetched from.
            EnvironmentProblem: If the registry does not answer, a file arrives by halves, or the disk is too small.
        """
        try:
            repository = self.repository(self._place_of(checkpoint, commit))
            files = _Files(checkpoint=checkpoint, sizes=_listed(checkpoint, repository))
            wanted = files.wanted
            size = sum(files.sizes[name] or 0 for name in wanted)
            _check_room(checkpoint, size, folder)
            with _no_file_beyond(size + _SPARE_BYTES):
                for name, goal in wanted.items():
                    _bring(repository, name, files.sizes[name], folder, goal)
        except Exception as error:
            raise self._problem(f"send {checkpoint}", error) from error
        return folder / files.root

    def _place_of(self, checkpoint: str, commit: str) -> str:
        model, _, number = checkpoint.removeprefix(MODELS).rpartition("/")
        if _commit(self.client.get_model_version(model, number)) != commit:
            raise UsageProblem(f"{checkpoint} was registered anew.", remedy="The next look sees what it is now.")
        place = str(self.client.get_model_version_download_uri(model, number))
        self._check_place(checkpoint, place)
        return place

    def _check_place(self, checkpoint: str, place: str) -> None:
        """Refuse a place that the registry's owner did not set up: its client would show it the user's token."""
        there, own = urlsplit(place), urlsplit(self.address)
        if there.scheme in _SERVED:
            is_own = (there.hostname, there.port) == (own.hostname, own.port) and there.scheme in {
                own.scheme,
                "mlflow-artifacts",
            }
            is_nameless = there.scheme == "mlflow-artifacts" and not there.netloc
            if is_own or is_nameless:
                return
            what = "at another server than the registry's"
        elif there.scheme in {"", "file", *_ELSEWHERE}:
            return
        else:
            what = f"behind {ascii(there.scheme)[1:31]}:, which is not read"
        raise RefusedProblem(
            f"The artefacts of {checkpoint} lie {what}.", remedy=f"Copy them, or {_LET_IT_SERVE}, and register that."
        )

    def _problem(self, doing: str, error: Exception) -> AuditProblem:
        if isinstance(error, AuditProblem):
            return error
        place = clean(shown_address(self.address))
        if isinstance(error, ImportError):
            named = ", ".join(f"{package} for {scheme}:" for scheme, package in _ELSEWHERE.items())
            return EnvironmentProblem(
                f"{place} could not {doing}: a package for the place of the artefacts is missing.",
                remedy=f"Install it ({named}), or {_LET_IT_SERVE}.",
            )
        code = error.error_code if isinstance(error, MlflowException) else type(error).__name__
        if code == "RESOURCE_DOES_NOT_EXIST":
            return UsageProblem(f"{place} could not {doing}: it has no such thing.", remedy="Look whether it is there.")
        if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
            return UsageProblem(
                f"{place} could not {doing} ({code}).",
                remedy="Log in: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.",
            )
        store = ", which MLflow opens with MLFLOW_ALLOW_FILE_STORE=true only" if place.startswith("file:") else ""
        return EnvironmentProblem(
            f"{place} could not {doing} ({code}).",
            remedy=f"Check that this is the address of a server of MLflow that is up{store}; a later round asks again.",
        )


def _commit(version: ModelVersion) -> str:
    """Return number and time of registration, in milliseconds since 1970."""
    return f"{int(version.version)}@{int(version.creation_timestamp or 0)}"


def _listed(checkpoint: str, repository: ArtifactRepository) -> dict[PurePosixPath, int | None]:
    """Return every file of a version that is not hidden, with its bytes where they are told.

    Raises:
        RefusedProblem: If there are too many, or one has a name that could lead elsewhere.
    """
    files: dict[PurePosixPath, int | None] = {}
    folders: list[str | None] = [None]
    seen = 0
    while folders:
        for one in repository.list_artifacts(folders.pop()):
            seen += 1
            path = PurePosixPath(one.path)
            if path.name.startswith(".") and path.name != "..":  # such as .gitattributes, or a cache
                continue
            if seen > _MOST or not all(_STEP.fullmatch(step) for step in path.parts):
                what = "too many files" if seen > _MOST else f"a file called {ascii(one.path)[:80]}"
                raise RefusedProblem(f"{checkpoint} holds {what}.", remedy="Register the checkpoint's folder alone.")
            if one.is_dir:
                folders.append(str(path))
            else:
                files[path] = one.file_size
    return files


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """What a version holds, and which of it is the checkpoint."""

    checkpoint: str
    sizes: Mapping[PurePosixPath, int | None]

    @property
    def root(self) -> PurePosixPath:
        """The folder of the checkpoint: the one least deep that holds the configuration of one.

        Raises:
            RefusedProblem: If there is none, or several are equally deep.
        """
        marks = {path.parent for path in self.sizes if path.name in {CONFIG_FILE, TRANSFORMERS_CONFIG_FILE}}
        least = min((len(folder.parts) for folder in marks), default=0)
        roots = [folder for folder in marks if len(folder.parts) == least]
        if len(roots) == 1:
            return roots[0]
        what = "several checkpoints" if roots else f"neither {CONFIG_FILE} nor {TRANSFORMERS_CONFIG_FILE}"
        raise RefusedProblem(
            f"{self.checkpoint} holds {what}.",
            remedy="Register one folder that open_clip or transformers saved.",
        )

    @property
    def wanted(self) -> dict[PurePosixPath, PurePosixPath]:
        """The files to fetch, and where each has to lie.

        MLflow's flavour for transformers keeps the tokenizer in ``components/tokenizer`` beside ``model``; a folder of
        transformers has it among the weights.

        Raises:
            RefusedProblem: As :attr:`root` does.
        """
        root = self.root
        deciding = sorted(path for path in self.sizes if path.name.endswith(DECIDING))
        wanted = {path: path for path in deciding if path.is_relative_to(root)}
        if root.name == "model":
            for path in deciding:
                if path.is_relative_to(root.parent / "components") and root / path.name not in wanted.values():
                    wanted[path] = root / path.name
        return wanted


def _check_room(checkpoint: str, size: int, folder: Path) -> None:
    if size > _MOST_BYTES:
        raise RefusedProblem(
            f"{checkpoint} has {size:,} bytes; at most {_MOST_BYTES:,} are fetched.",
            remedy="Register the checkpoint's folder alone.",
        )
    with disk_problems("Asking about the disk of", folder):
        free = shutil.disk_usage(folder).free
    if size + _SPARE_BYTES > free:
        raise EnvironmentProblem(
            f"{checkpoint} has {size:,} bytes, and the disk of {folder} has {free:,} left.",
            remedy="Free some space; a later round fetches it.",
        )


@contextmanager
def _no_file_beyond(size: int) -> Iterator[None]:
    """Let this process write no file of more bytes for a while: a server may send without end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    least = min(limit for limit in (size, soft, hard) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_FSIZE, (least, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _bring(
    repository: ArtifactRepository, name: PurePosixPath, size: int | None, folder: Path, goal: PurePosixPath
) -> None:
    """Fetch one file, whole.

    Raises:
        EnvironmentProblem: If it has not the bytes that it was said to have.
    """
    repository.download_artifacts(str(name), dst_path=str(folder))
    found = size_of(folder / name) if is_there(folder / name) else 0
    if size is not None and found != size:
        raise EnvironmentProblem(
            f"{name} arrived with {found:,} of {size:,} bytes.", remedy="A later round fetches it again."
        )
    if goal != name:
        with disk_problems("Moving", folder / name):
            (folder / name).replace(folder / goal)
