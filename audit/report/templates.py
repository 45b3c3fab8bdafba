"""Where the templates lie: ``reports/templates`` in the repository."""

from __future__ import annotations

from pathlib import Path

import audit
from audit.errors import EnvironmentProblem


def template_folder() -> Path:
    """Return the folder of the report templates.

    Raises:
        EnvironmentProblem: If it is not there, as in an installation without the repository.
    """
    folder = Path(audit.__file__).resolve().parent.parent / "reports" / "templates"
    if not folder.is_dir():
        raise EnvironmentProblem(
            f"The report templates are not at {folder}.",
            remedy="Run clip-audit from a clone of its repository, installed with `pip install -e .`.",
        )
    return folder


def read_template(name: str) -> str:
    """Return the text of one template.

    Raises:
        EnvironmentProblem: If there is no such file.
    """
    path = template_folder() / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise EnvironmentProblem(
            f"The report template {path} cannot be read: {problem.strerror}.",
            remedy="Restore it from the repository: git checkout -- reports/templates.",
        ) from problem
