"""Ten cameras recorded and analysed at once for half an hour: is anything lost, and does memory stay flat."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clips import Runs
from benchmarks.rig import PARTS, Rig
from benchmarks.table import Part, Row, Table, Verdict
from vedette.simulator.cameras import CameraFarm, CameraSpec
from vedette.simulator.render import simulate

CAMERAS = 10
SECONDS = 1800.0
QUICK_S = 45.0
CLIP_S = 60.0
EVERY_S = 10.0
SETTLE_SHARE = 0.25
MOST_GROWTH = 0.03
"""Of the memory after settling, to the end."""
_RULES = [
    {"id": "line", "type": "line_crossing", "line": [[0.0, 0.6], [1.0, 0.6]], "labels": ["person"]},
    {"id": "zone", "type": "intrusion", "zone": [[0.1, 0.3], [0.9, 0.3], [0.9, 1.0], [0.1, 1.0]], "severity": "alarm"},
    {"id": "watch", "type": "tamper"},
]


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - shared by the parts
    """Recorder, analyzer and server on ten virtual cameras that show drawn people."""
    seconds = QUICK_S if quick else SECONDS
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        say("drawing")
        clips = [_drawn(root / str(seed), seed, 12.0 if quick else CLIP_S) for seed in (1, 2)]
        specs = {f"cam{n}": CameraSpec(clips[n % 2], start_frame=40 * n) for n in range(CAMERAS)}
        with CameraFarm(specs) as farm:
            say(f"{CAMERAS} cameras for {seconds:.0f} s")
            return _run(root, farm, seconds)


def _drawn(folder: Path, seed: int, seconds: float) -> Path:
    scene = "shop-entrance" if seed % 2 else "fence-line"
    simulate(scene, folder, seed=seed, seconds=seconds, fps=12.0, size=(1280, 720))
    return folder / "video.mp4"


def _run(root: Path, farm: CameraFarm, seconds: float) -> Part:
    cameras = {name: {"source": farm.address(name), "rules": _RULES} for name in farm.names}
    rig = Rig(root, cameras, {"server": {"port": 0}})
    samples: dict[str, list[float]] = {part: [] for part in PARTS}
    with rig:
        port = rig.until(lambda: _port(rig), "the server answers", 120.0)
        rig.until(lambda: all(_figure(camera, "fps") for camera in _cameras(port)), "every camera is analysed", 120.0)
        before = {part: rig.cpu_s(part) for part in PARTS}
        began, ends = time.monotonic(), time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(min(EVERY_S, max(0.1, ends - time.monotonic())))
            for part in PARTS:
                samples[part].append(rig.rss_mb(part))
        lasted = time.monotonic() - began
        cpu = {part: (rig.cpu_s(part) - before[part]) / lasted for part in PARTS}
        seen = _cameras(port)
        dropped = sum(viewing.dropped for name in farm.names for viewing in farm.sent(name).viewings)
        again = sum(len(farm.sent(name).viewings) - 1 for name in farm.names)
    lost = sum(_figure(camera, "lost_packets") for camera in seen)
    rows: list[Row] = [_row(part, samples[part], cpu[part]) for part in PARTS]
    growth = max(float(row["growth"] or 0.0) for row in rows)
    figures: list[Row] = [
        {"camera": camera["id"], "analysed fps": _figure(camera, "fps"), "lag s": _figure(camera, "lag_s"),
         "frames left out": _figure(camera, "dropped_frames"), "packets lost": _figure(camera, "lost_packets")}
        for camera in seen
    ]  # fmt: skip
    well = not (lost or dropped or again)
    return Part(
        tables=[
            Table(
                f"{CAMERAS} cameras, 720p, with three rules each, {lasted:.0f} s", rows, "CPU in cores, memory in MB."
            ),
            Table("The cameras at the end", figures, "Analysed at 5 frames a second at most; recorded whole."),
        ],
        verdicts=[
            Verdict("packets lost with ten cameras analysed live", "none", f"{lost + dropped:.0f}", well),
            Verdict(
                "memory of any process over the run",
                f"grows < {MOST_GROWTH:.0%}",
                f"{growth:+.1%}",
                growth < MOST_GROWTH,
            ),
        ],
        details={"samples_mb": samples, "reconnects": again},
    )


def _row(part: str, samples: list[float], cpu: float) -> Row:
    settled = samples[int(len(samples) * SETTLE_SHARE) :]
    half = max(1, len(settled) // 2)
    first, last = float(np.median(settled[:half])), float(np.median(settled[half:] or settled))
    return {"part": part, "CPU": cpu, "after settling": first, "at the end": last, "growth": last / first - 1.0}


def _port(rig: Rig) -> int | None:
    text = rig.log.read_text(encoding="utf-8", errors="replace") if rig.log.exists() else ""
    _, found, rest = text.rpartition("Vedette is at http://127.0.0.1:")
    return int(rest.split()[0]) if found and rest.split() else None


def _cameras(port: int) -> list[Mapping[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/cameras", timeout=30) as answer:
        found: list[Mapping[str, Any]] = json.load(answer)["cameras"]
    return found


def _figure(camera: Mapping[str, Any], name: str) -> float:
    analysis = camera.get("analysis") or {}
    return float(analysis.get("figures", {}).get(name, 0.0))
