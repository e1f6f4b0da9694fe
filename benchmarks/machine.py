"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.table import Row
from vedette.vision import weights
from vedette.vision.detectors.network import usable_cores

ROOT = Path(__file__).parents[1]
_PACKAGES = ("vedette", "numpy", "av", "opencv-python-headless", "onnxruntime", "lap")
_PEERS = ("trackers", "supervision", "trackeval")


def facts(command: str, seconds: float) -> list[Row]:
    """Machine, software, and how this run was started, in the order to be read."""
    return [
        {"": name, "is": value}
        for name, value in (
            ("command", f"`{command}`"),
            ("date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, took {seconds / 60:.1f} minutes"),
            ("source", _commit()),
            ("processor", f"{_processor()}, {usable_cores()} cores usable, {_memory_gib():.0f} GiB"),
            ("load", " / ".join(f"{load:.1f}" for load in os.getloadavg()) + " (1, 5, 15 minutes, at the end)"),
            ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
            ("packages", ", ".join(f"{name} {version(name)}" for name in _PACKAGES)),
            ("compared with", ", ".join(f"{name} {version(name)}" for name in _PEERS)),
            ("weights", f"yolox-nano, SHA-256 {weights.registry().entry('yolox-nano').sha256[:16]}"),
        )
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return "not a git working tree"
    other = sum("benchmarks/RESULTS" not in line for line in changed.splitlines())
    return f"commit {commit}" + (f" and {other} changed files" if other else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
