"""A registry of MLflow in memory, by the classes of its client; what goes wrong is set."""

from __future__ import annotations

from pathlib import Path

from mlflow.entities import FileInfo
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.entities import PagedList
from mlflow.tracking import MlflowClient

from audit.watching.mlflow_registry import MlflowRegistry

ADDRESS = "https://mlflow.example.org"
CLIP = {"open_clip_config.json": b"{}", "open_clip_model.safetensors": b"weights"}


class Artefacts(ArtifactRepository):
    """The files of one version; each may be listed with another size, and not all of it be sent."""

    def __init__(self, registry: Fake, place: str):
        super().__init__(place)
        self.registry = registry
        self.files = registry.places[place]

    def list_artifacts(self, path=None):
        self.registry.asked += 1
        below = [name for name in self.files if path is None or name.startswith(f"{path}/")]
        cut = 0 if path is None else len(path) + 1
        steps = {name[:cut] + name[cut:].partition("/")[0] for name in below}
        return [FileInfo(step, step not in self.files, self.size(step)) for step in sorted(steps)]

    def size(self, name):
        content = self.files.get(name)
        return None if content is None else self.registry.said_sizes.get(name, len(content))

    def _download_file(self, remote_file_path, local_path):
        self.registry.sent.append(remote_file_path)
        with Path(local_path).open("wb") as file:
            file.write(self.files[remote_file_path])
            if remote_file_path in self.registry.endless:
                file.seek(2**30 + 4096)  # a hole, which takes no disk
                file.write(b"and so on")

    def log_artifact(self, local_file, artifact_path=None):
        raise NotImplementedError

    log_artifacts = log_artifact


class Fake(MlflowClient):
    """What a watcher asks of ``MlflowClient``; ``faults`` maps a model's name, or "all", to what is raised for it."""

    def __init__(self):
        self.registered = {}
        self.places = {}
        self.faults = {}
        self.said_sizes = {}
        self.endless = set()
        self.sent = []
        self.asked = 0
        self.clock = 1000

    @property
    def registry(self) -> MlflowRegistry:
        return MlflowRegistry(address=ADDRESS, client=self, repository=lambda place: Artefacts(self, place))

    def register(self, name, files=CLIP, *, place=None, status="READY", aliases=(), **tags):
        versions = self.registered.setdefault(name, [])
        number = len(versions) + 1
        self.clock += 1
        place = place or f"mlflow-artifacts:/1/{name}-{self.clock}"
        self.places[place] = dict(files)
        versions.append(
            ModelVersion(
                name,
                str(number),
                self.clock,
                source=place,
                status=status,
                tags=[ModelVersionTag(key, value) for key, value in tags.items()],
                aliases=list(aliases),
            )
        )

    def fail(self, name):
        if fault := self.faults.get(name):
            raise fault

    def search_registered_models(self, page_token=None, **_asked):
        self.fail("all")
        at = int(page_token or 0)
        names = list(self.registered)
        page = [RegisteredModel(name) for name in names[at : at + 2]]  # a server may give fewer than are asked for
        return PagedList(page, str(at + 2) if at + 2 < len(names) else None)

    def search_model_versions(self, filter_string, order_by, **_asked):
        assert order_by == ["version_number DESC"]
        name = filter_string.removeprefix("name='").removesuffix("'")
        self.fail(name)
        return PagedList(self.registered[name][::-1], None)

    def get_model_version_by_alias(self, name, alias):
        self.fail(name)
        for version in self.registered[name]:
            if alias in version.aliases:
                return version
        raise MlflowException(f"no alias {alias}", error_code=RESOURCE_DOES_NOT_EXIST)

    def get_model_version(self, name, version):
        self.fail("all")
        for one in self.registered.get(name, ()):
            if one.version == version:
                return one
        raise MlflowException("no such version", error_code=RESOURCE_DOES_NOT_EXIST)

    def get_model_version_download_uri(self, name, version):
        return self.get_model_version(name, version).source


def unreachable():
    return MlflowException("API request to https://me:secret@mlflow.example.org failed")


def forbidden():
    return MlflowException("not for you", error_code=PERMISSION_DENIED)
