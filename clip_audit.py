"""The program ``clip-audit``, under a name that no other module takes; also ``python -m clip_audit``.

The package is called ``audit``, and so may be a file of whoever calls it. Where that one is found first, nothing of
the package can be imported, and the traceback would not say why. So this looks before it imports.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """Run the program and return its exit code; 2 where another ``audit`` hides the package."""
    stranger = _stranger(Path(__file__).resolve().with_name("audit"))
    if stranger is not None:
        sys.stderr.write(
            f"Error: {stranger} is found before the package audit of clip-audit, so clip-audit cannot start. "
            "Rename it, call clip-audit from another folder, or take its folder out of PYTHONPATH.\n"
        )
        return 2
    from audit.__main__ import main as run

    return run()


def _stranger(package: Path) -> str | None:
    """Return where the module ``audit`` comes from, if that is not ``package``."""
    spec = find_spec("audit")
    if spec is None or (spec.origin and Path(spec.origin).resolve().parent == package):
        return None
    return spec.origin or ", ".join(spec.submodule_search_locations or ())


if __name__ == "__main__":
    sys.exit(main())
