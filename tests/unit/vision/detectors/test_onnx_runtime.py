"""ONNX Runtime keeps what it knows of this machine to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import vedette.vision.detectors.onnx_runtime
import onnxruntime
onnxruntime.get_available_providers()
onnxruntime.SessionOptions()
"""
TESTING = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")


def left_behind(program: str, home: Path) -> list[str]:
    """Files that a program leaves in the home of its user, where it is not seen that this is a test."""
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in TESTING} | {"HOME": str(home)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return [path.name for path in home.rglob("*") if path.is_file()]


def test_it_keeps_no_identifier_of_the_machine(tmp_path: Path) -> None:
    assert left_behind(PROGRAM, tmp_path / "home") == []


def test_the_variable_is_there_before_it_is_loaded() -> None:
    program = (
        "import builtins, os, sys\n"
        "load = builtins.__import__\n"
        "def watched(name, *rest, **more):\n"
        "    if name == 'onnxruntime' and 'onnxruntime' not in sys.modules:\n"
        "        assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
        "    return load(name, *rest, **more)\n"
        "builtins.__import__ = watched\n"
        "import vedette.vision.detectors.onnx_runtime\n"
        "assert 'onnxruntime' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
