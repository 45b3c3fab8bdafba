"""The report templates: their folder, and the text of one."""

from __future__ import annotations

from pathlib import Path

from audit.errors import EnvironmentProblem
from audit.packaged import TEMPLATES


def template_folder() -> Path:
    """Return the folder of the report templates.

    Raises:
        EnvironmentProblem: If it is not there.
    """
    if not TEMPLATES.is_dir():
        raise EnvironmentProblem(f"The report templates are not at {TEMPLATES}.", remedy="Install clip-audit anew.")
    return TEMPLATES


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
            remedy="Install clip-audit anew, or restore it in a checkout: git checkout -- reports/templates.",
        ) from problem
