"""``clip-audit label`` in a process of its own: its address is read from what it says, and it can be killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path


class Labelling:
    """One process that serves the page."""

    def __init__(self, run: Path, *words: object) -> None:
        command = [sys.executable, "-m", "audit", "label", run, "--no-browser", "--json", *words]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", line):
                self.address = found[0]
                return
        raise AssertionError(said)

    def __enter__(self) -> Labelling:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill it as the kernel does, with no chance to tidy up."""
        self.process.kill()
        self.process.wait(60)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def ended(self) -> dict[str, object]:
        """Wait until it ends by itself, and return what it answered."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return json.loads(out)
