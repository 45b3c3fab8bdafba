"""clip-audit asks a CLIP checkpoint itself what it associates with a text, and says how sure the answer is.

The data goes one way: ``suites`` and ``checkpoints``, then ``inversion``, ``judges``, ``evidence``, ``lenses``,
``gate`` and ``report``; ``pipeline`` runs them in that order, and ``cli`` is how people call it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.api import Comparison, Decision, Inversion, Run, compare, invert, open_run, run

__version__ = "0.1.0"

__all__ = ["Comparison", "Decision", "Inversion", "Run", "compare", "invert", "open_run", "run"]


def __getattr__(name: str) -> object:
    """Give a name of the Python API, and load what it needs only then; ``import audit`` stays light (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from audit import api  # noqa: PLC0415

    names = {
        "Comparison": api.Comparison,
        "Decision": api.Decision,
        "Inversion": api.Inversion,
        "Run": api.Run,
        "compare": api.compare,
        "invert": api.invert,
        "open_run": api.open_run,
        "run": api.run,
    }
    return names[name]
