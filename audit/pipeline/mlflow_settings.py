"""How MLflow's client behaves where nobody says otherwise; imports nothing of it."""

from __future__ import annotations

import os
from typing import Final

_SETTINGS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""When a server does not answer (else it takes minutes), who speaks on the terminal, and who is told of our use."""


def set_up_mlflow() -> None:
    """Set what the environment does not; to be called before MLflow is imported, which asks for some of it."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
