"""Nets in ONNX files that are known by their digest: read once, checked, and run.

The bytes that were checked are those that are run. A package that carries such a file is never imported for it.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.opening import LARGEST, read_regular


def refuse_target(judge: str, target: str) -> None:
    """Refuse what stands behind the colon of a judge that there is only one of.

    Raises:
        UsageProblem: If anything stands there.
    """
    if target:
        raise UsageProblem(
            f"The judge {judge} takes no target, but got {target!r}.", remedy=f"Name it with --judge {judge}."
        )


def missing_package(judge: str, *modules: tuple[str, str]) -> EnvironmentProblem | None:
    """Return what keeps a judge from being here, with the remedy; ``None`` where all is here. Imports nothing.

    Args:
        judge: Name of the judge.
        modules: Name of each module that it needs, and of the package that pip installs for it.
    """
    absent = next((package for module, package in modules if find_spec(module) is None), None)
    if absent is None:
        return None
    return EnvironmentProblem(
        f"The judge {judge} needs the package {absent}, which is not installed.",
        remedy=f"Install it with `pip install {absent}`, or leave this judge out.",
    )


def file_of_package(module: str, name: str) -> Path:
    """Return where an installed package keeps a file; the package itself is not imported.

    Raises:
        ValueError: If there is no such package: :func:`missing_package` says it to people, and is asked first.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"There is no module {module}.")
    return Path(spec.origin).parent / name


def read_pinned(path: Path, digest: str, *, judge: str, remedy: str) -> bytes:
    """Read a net whose SHA-256 is known.

    Raises:
        EnvironmentProblem: If it cannot be read.
        RefusedProblem: If it is another file; names both digests.
    """
    try:
        content = read_regular(path, most=LARGEST)
    except OSError as error:
        raise EnvironmentProblem(
            f"Cannot read the weights of {judge}, {path}: {error.strerror}.", remedy=remedy
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise RefusedProblem(
            f"The weights of {judge}, {path}, have the SHA-256 {found}, not the pinned {digest}.", remedy=remedy
        )
    return content


def open_session(content: bytes, device: str) -> Any:  # noqa: ANN401  (onnxruntime has no types)
    """Open a net; on a CUDA device if onnxruntime was built for it, and on the CPU otherwise.

    Args:
        content: Of the ONNX file.
        device: As torch names devices.
    """
    import onnxruntime

    wanted = (
        ["CUDAExecutionProvider", "CPUExecutionProvider"] if device.startswith("cuda") else ["CPUExecutionProvider"]
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    available = onnxruntime.get_available_providers()
    return onnxruntime.InferenceSession(
        content, sess_options=options, providers=[provider for provider in wanted if provider in available]
    )
