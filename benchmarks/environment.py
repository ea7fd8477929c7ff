"""Environments of other libraries: made once in a folder outside of the repository, then run in."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import ROOT

CACHE = Path.home() / ".cache" / "neotype-benchmarks" / "peers"
INSTALLED = "installed.txt"


@dataclass(frozen=True)
class Peer:
    """What is installed, one call of pip after the other, and the mechanisms to run."""

    requirements: tuple[str, ...]
    mechanisms: tuple[str, ...]
    about: str


def environment(name: str, peer: Peer, cache: Path) -> tuple[Path, str]:
    """The Python of a peer's environment, made where there is none; or why there is none."""
    place = cache / name
    python, stamp = place / "bin" / "python", place / INSTALLED
    wanted = "\n".join(peer.requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return python, ""
    steps = [[sys.executable, "-m", "venv", str(place)]]
    steps += [
        [str(python), "-m", "pip", "install", "-q", *line.split()] for line in peer.requirements
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            return python, f"not installed: {last(done.stderr)}"
    stamp.write_text(wanted)
    return python, ""


def ran(python: str, adapter: str, *arguments: str, limit: float, **setting: str) -> str:
    """Run an adapter in its environment; what went wrong, or nothing."""
    command = [python, "-m", f"benchmarks.adapters.of_{adapter}", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": ""} | setting,
            timeout=limit,
            capture_output=True,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {limit:g} s, {spent():.0f} CPU-s"
    return f"failed: {last(done.stderr)}" if done.returncode else ""


def spent() -> float:
    """CPU seconds of the processes that have run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def largest() -> float:
    """GiB, of the largest of them."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def last(text: str) -> str:
    """The last line of an error, short enough for a table."""
    found = [line for line in text.strip().splitlines() if line.strip()]
    return (found[-1] if found else "no message").replace("|", "/")[:200]
