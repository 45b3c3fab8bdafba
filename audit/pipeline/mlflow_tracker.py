"""A run of MLflow, and the tag of a version in its registry; by mlflow-skinny, which is the client alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from audit.errors import AuditProblem, EnvironmentProblem, ExitCode, UsageProblem, missing_extra
from audit.opening import shown_address
from audit.pipeline.trackers import TAG, Placed, Tracked

try:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
except ImportError as error:
    raise missing_extra(f"Telling mlflow needs a package: {error}.", "mlflow") from error

_BATCH: Final = 1000
"""Metrics that MLflow takes at once."""


def to_mlflow(told: Tracked, address: str, experiment: str, version: tuple[str, str] | None) -> Placed:
    """Make a run of MLflow, and tag the version of a registered model where the gate passed.

    Args:
        told: What it is told.
        address: Of the server, as MLflow writes them.
        experiment: Its name; made where there is none.
        version: Name and version of the registered model. One that did not pass loses the tag that it had.

    Raises:
        UsageProblem: If the server knows no such version, or does not let us.
        EnvironmentProblem: If the server does not answer.
    """
    try:
        client = MlflowClient(tracking_uri=address)
        if version is not None:
            client.get_model_version(*version)  # that there is none is said before anything is made
        placed = _mlflow_run(client, told, address, experiment)
        if version is None:
            return placed
        return replace(placed, registered=_tag_version(client, told, version))
    except MlflowException as error:
        raise _mlflow_problem(error, address, version) from error


def _mlflow_run(client: MlflowClient, told: Tracked, address: str, experiment: str) -> Placed:
    """Make the run, or go on with one that was begun; MLflow keeps a value that it is given twice once."""
    known = client.get_experiment_by_name(experiment)
    place = client.create_experiment(experiment) if known is None else known.experiment_id
    found = client.search_runs([place], filter_string=f"tags.`{TAG}.run` = '{told.digest}'")
    whole = [run for run in found if run.info.status == "FINISHED"]
    if whole:
        return Placed(address=_mlflow_address(address, place, whole[0].info.run_id), was_there=True)
    run = found[0] if found else client.create_run(place, tags=dict(told.tags), run_name=told.name)
    metrics = [Metric(name, value, run.info.start_time, 0) for name, value in told.metrics.items()]
    for at in range(0, len(metrics), _BATCH):
        client.log_batch(run.info.run_id, metrics=metrics[at : at + _BATCH])
    client.log_batch(
        run.info.run_id,
        params=[Param(name, value) for name, value in told.parameters.items()],
        tags=[RunTag(name, value) for name, value in told.tags.items()],
    )
    client.log_artifacts(run.info.run_id, str(told.files))
    client.set_terminated(run.info.run_id)
    return Placed(address=_mlflow_address(address, place, run.info.run_id), was_there=False)


def _tag_version(client: MlflowClient, told: Tracked, version: tuple[str, str]) -> bool:
    tags = {**told.tags, TAG: "pass"}  # what says that it passed comes last
    passed = told.exit_code is ExitCode.OK
    if passed:
        for name, value in tags.items():
            client.set_model_version_tag(*version, name, value)
    elif TAG in client.get_model_version(*version).tags:
        client.delete_model_version_tag(*version, TAG)
    return passed


def _mlflow_address(address: str, experiment: str, run: str) -> str:
    shown = shown_address(address).rstrip("/")
    return f"{shown}/#/experiments/{experiment}/runs/{run}" if shown.startswith("http") else f"{shown} (run {run})"


def _mlflow_problem(error: MlflowException, address: str, version: tuple[str, str] | None) -> AuditProblem:
    code = error.error_code
    place = shown_address(address)
    if code == "RESOURCE_DOES_NOT_EXIST" and version is not None:
        return UsageProblem(
            f"{place} knows no version {version[1]} of a model {version[0]}.", remedy="Register it first."
        )
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_PARAMETER_VALUE"}:
        return UsageProblem(
            f"{place} takes no run from us ({code}).",
            remedy="Check address and experiment, and log in (MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD).",
        )
    return EnvironmentProblem(
        f"{place} could not be told ({code}).",
        remedy="Check that the server is up, and give the command again: it goes on with what was begun.",
    )
