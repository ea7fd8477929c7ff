"""One measurement, run in a process of its own so that CPU seconds and memory are its alone."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def alone(module: str, case: str, *arguments: str) -> dict[str, Any]:
    """Run `case` of `module` in a fresh process and read the JSON line it prints."""
    call = "import importlib, json, sys; module, case, *rest = sys.argv[1:]; "
    call += "print(json.dumps(getattr(importlib.import_module(module), case)(*rest)))"
    command = [sys.executable, "-c", call, module, case, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def earlier(section: str, first: str) -> list[list[str]]:
    """The lines of a table that begin so, in a section that was written before."""
    cells = [line[2:-2].split(" | ") for line in section.splitlines()]
    return [line for line in cells if line[0] == first]


class Clock:
    """CPU and wall seconds between laps, and the peak of memory."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def lap(self) -> tuple[float, float]:
        """CPU and wall seconds since the last lap."""
        cpu, wall = time.process_time(), time.perf_counter()
        passed = cpu - self.cpu, wall - self.wall
        self.cpu, self.wall = cpu, wall
        return passed

    @staticmethod
    def peak() -> float:
        """GiB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
