"""Memory of `vedette analyze` in a process of its own: its peak, and whether it grows within an hour of video.

The peak is the kernel's high-water mark of resident memory, read while the process runs. (What `getrusage` says of a
child includes the memory of the process that started it.)
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clips import Runs
from benchmarks.table import Part, Row, Table, Verdict
from vedette.simulator.render import simulate

MOST_MB = 600.0
MOST_GROWTH_MB = 20.0
_EVERY_S = 0.1
_HOUR = "sim:shop-entrance?seed=3&seconds={seconds:g}&fps=1&size=1280x720"


@dataclass(slots=True)
class Usage:
    """Resident memory of one process over its life, in MB of 2**20 bytes."""

    peak_mb: float = 0.0
    samples: list[float] = field(default_factory=list)
    wall_s: float = 0.0

    def between(self, start: float, end: float) -> float:
        """Median over a part of the run, given in fractions of its wall time."""
        count = len(self.samples)
        return statistics.median(self.samples[int(start * count) : max(int(end * count), int(start * count) + 1)])


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - all parts alike
    """20 seconds and two minutes from a file, and an hour that is drawn while it is analysed."""
    if not Path("/proc/self/status").exists():
        return Part([], _verdicts({}, None), ["memory: /proc is needed"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("drawing two minutes of 720p")
        simulate("shop-entrance", folder, seed=3, seconds=120.0, fps=10.0)
        video, rules = str(folder / "video.mp4"), folder / "rules.yaml"
        used = {}
        for title, extra in (("20 s, file", ["--end", "20"]), ("2 min, file", [])):
            say(title)
            used[title] = watch([video, "-c", str(rules), "-o", str(folder / "out"), *extra])
        seconds = 300.0 if quick else 3600.0
        title = f"{seconds / 60:.0f} min, drawn"
        say(title)
        hour = used[title] = watch([_HOUR.format(seconds=seconds), "-c", str(rules), "-o", str(folder / "out")])
    rows = [_row(title, usage, long=usage is hour) for title, usage in used.items()]
    table = Table("Peak memory of `vedette analyze`, 720p, all outputs", rows, _NOTE)
    return Part([table], _verdicts(used, None if quick else hour))


_NOTE = (
    "The scene shop-entrance with its own rules: files at 10 frames a second, and a stream at 1 frame a second that "
    "the simulator draws in the same process while it is analysed, its memory included. Early and late are medians "
    "over the wall time from 20 to 40 % and from 75 to 95 % of the long run; peaks come with the report at the end."
)


def watch(arguments: Sequence[str]) -> Usage:
    """Run `vedette analyze` and take down its memory. Raises CalledProcessError when it fails."""
    usage, began = Usage(), time.monotonic()
    command = [str(Path(sys.executable).with_name("vedette")), "analyze", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            text = status.read_text(encoding="ascii", errors="replace") if status.exists() else ""
            found = {name: float(kib) / 1024 for name, kib in re.findall(r"(VmHWM|VmRSS):\s+(\d+) kB", text)}
            if found:
                usage.peak_mb = max(usage.peak_mb, found["VmHWM"])
                usage.samples.append(found["VmRSS"])
            time.sleep(_EVERY_S)
        told = process.stderr.read() if process.stderr else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=told)
    usage.wall_s = time.monotonic() - began
    return usage


def _row(title: str, usage: Usage, *, long: bool) -> Row:
    row: Row = {"video": title, "wall s": usage.wall_s, "peak MB": usage.peak_mb}
    early, late = usage.between(0.2, 0.4), usage.between(0.75, 0.95)
    return {**row, "early MB": early, "late MB": late, "growth MB": late - early} if long else row


def _verdicts(used: dict[str, Usage], hour: Usage | None) -> list[Verdict]:
    peak = Verdict("Peak memory, 720p video", f"under {MOST_MB:.0f} MB")
    flat = Verdict("Memory over an hour of simulated video", f"flat: grows by at most {MOST_GROWTH_MB:.0f} MB")
    if used:
        most = max(usage.peak_mb for usage in used.values())
        told = ", ".join(f"{title}: {usage.peak_mb:.0f} MB" for title, usage in used.items())
        peak = Verdict(peak.what, peak.required, told, most < MOST_MB)
    if hour is not None:
        early, late = hour.between(0.2, 0.4), hour.between(0.75, 0.95)
        flat = Verdict(flat.what, flat.required, f"{early:.0f} to {late:.0f} MB", late - early <= MOST_GROWTH_MB)
    return [peak, flat]
