"""How many cameras are recorded at once, and at what price."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.clips import Runs
from benchmarks.footage_check import packets_of, segments_of
from benchmarks.rig import Rig
from benchmarks.table import Part, Row, Table, Verdict
from vedette.model.time import NS_PER_S
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip

CAMERAS = 24
FPS = 25
GOP_S = 2
STEP = 12
MOST = 96
SETTLE_S = 6.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of recording some cameras for a while.

    cpu       processor seconds per stream-second: of the recorder, and of the virtual cameras
    kept      frames on the disk over those that were sent from each first keyframe on
    gaps      streams that had to connect again, or lack a frame
    machine   share of all cores that was busy
    """

    cameras: int
    seconds: float
    cpu: float
    cpu_farm: float
    sent: int
    kept: int
    gaps: int
    rss_mb: float
    machine: float

    def row(self) -> Row:
        """As a row of a table."""
        return {
            "cameras": self.cameras, "seconds": self.seconds, "CPU s per stream-second": self.cpu,
            "of the virtual cameras": self.cpu_farm, "frames sent": self.sent, "frames kept": self.kept,
            "streams with a gap": self.gaps, "MB held": self.rss_mb, "machine busy": self.machine,
        }  # fmt: skip


def record(cameras: int, seconds: float, clip: Path, folder: Path) -> Recorded:
    """Record `cameras` at once with nothing else running."""
    names = [f"cam{number}" for number in range(cameras)]
    specs = {name: CameraSpec(clip, start_frame=7 * number % (10 * FPS)) for number, name in enumerate(names)}
    with CameraFarm(specs) as farm:
        rig = Rig(folder, {name: {"source": farm.address(name), "analyze": "off"} for name in names}, only="recorder")
        with rig:
            rig.until(lambda: all(farm.sent(name).viewings for name in names), "every camera is watched", 60.0)
            time.sleep(SETTLE_S)
            psutil.cpu_percent()
            before, before_farm, began = rig.cpu_s("recorder"), farm.cpu_s(), time.monotonic()
            time.sleep(seconds)
            lasted = time.monotonic() - began
            cpu, cpu_farm = rig.cpu_s("recorder") - before, farm.cpu_s() - before_farm
            machine, rss_mb = psutil.cpu_percent() / 100, rig.rss_mb("recorder")
            stopped_ns = time.time_ns()
        sent, kept, gaps = _compared(rig, farm, names, stopped_ns)
    shutil.rmtree(folder / "video")
    streams = cameras * lasted
    return Recorded(cameras, round(lasted, 1), cpu / streams, cpu_farm / streams, sent, kept, gaps, rss_mb, machine)


def _compared(rig: Rig, farm: CameraFarm, names: Sequence[str], stopped_ns: int) -> tuple[int, int, int]:
    sent = kept = gaps = 0
    for name in names:
        viewings = farm.sent(name).viewings
        segments = segments_of(rig.config, name)
        count = sum(packets_of(rig.config, segment) for segment in segments)
        start = segments[0].start_utc_ns if segments else stopped_ns
        expected = 0
        for viewing in viewings:
            # What was sent in the last moments may still have been on its way when the recorder was stopped.
            on_time = viewing.sent_utc_ns < stopped_ns - NS_PER_S // 2
            expected += int((on_time & (viewing.captured_utc_ns >= start - NS_PER_S // 50)).sum())
        sent, kept = sent + expected, kept + min(count, expected)
        gaps += len(viewings) > 1 or count < expected or any(viewing.dropped for viewing in viewings)
    return sent, kept, gaps


def copy_with_ffmpeg(cameras: int, seconds: float, clip: Path, folder: Path) -> float | None:
    """Processor seconds per stream-second of `ffmpeg -c copy -f segment`, one process a camera; None without ffmpeg."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    names = [f"cam{number}" for number in range(cameras)]
    with CameraFarm({name: CameraSpec(clip) for name in names}) as farm:
        running = [
            subprocess.Popen(
                [program, "-loglevel", "error", "-rtsp_transport", "tcp", "-i", farm.address(name), "-c", "copy",
                 "-f", "segment", "-segment_time", "60", str(folder / f"{name}-%03d.mp4")],
                stdin=subprocess.DEVNULL,
            )
            for name in names
        ]  # fmt: skip
        try:
            time.sleep(SETTLE_S)
            before, began = _cpu_s(running), time.monotonic()
            time.sleep(seconds)
            return (_cpu_s(running) - before) / (cameras * (time.monotonic() - began))
        finally:
            for process in running:
                process.kill()
            for process in running:
                process.wait()


def _cpu_s(running: Sequence[subprocess.Popen[bytes]]) -> float:
    times = [psutil.Process(process.pid).cpu_times() for process in running]
    return sum(one.user + one.system for one in times)


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - shared by the parts
    """24 cameras of 1080p25 at 4 Mb/s, ffmpeg beside them, then more and more until frames are missing."""
    seconds = 8.0 if quick else 60.0
    rows: list[Row] = []
    skipped: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        clip = make_clip(root, seconds=10, fps=FPS, size=(1920, 1080), gop_s=GOP_S, bitrate=4_000_000)
        say(f"{CAMERAS} cameras")
        first = record(CAMERAS, seconds, clip, _fresh(root, "first"))
        rows.append(first.row())
        say("ffmpeg beside them")
        peer = copy_with_ffmpeg(CAMERAS, seconds, clip, _fresh(root, "ffmpeg"))
        best, limit = first, ""
        while not quick and best.cameras < MOST and not limit:
            say(f"{best.cameras + STEP} cameras")
            more = record(best.cameras + STEP, 20.0, clip, _fresh(root, f"more{best.cameras}"))
            rows.append(more.row())
            if more.gaps:
                limit = f"the machine is {more.machine:.0%} busy, {more.cpu_farm * more.cameras:.2f} cores with sending"
            else:
                best = more
    if peer is None:
        skipped.append("ffmpeg is not installed: nothing beside our figure")
    else:
        rows.append({"cameras": f"{CAMERAS}, ffmpeg -c copy -f segment", "CPU s per stream-second": peer})
    none = "no gap" if not first.gaps else f"{first.gaps} streams with one"
    note = f"Highest without a gap: {best.cameras}. {limit}"
    share = f"{first.cpu / peer:.2f}" if peer else "not measured"
    return Part(
        tables=[Table("Cameras recorded at once, 1080p25, 4 Mb/s", rows, note)],
        verdicts=[
            Verdict(f"{CAMERAS} cameras recorded without a gap", "none", none, first.gaps == 0),
            Verdict("CPU of recording over that of ffmpeg -c copy", "measured", share, None if peer is None else True),
        ],
        skipped=skipped,
    )


def _fresh(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    return folder
