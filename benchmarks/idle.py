"""What watching costs while nothing happens, beside the pipeline that decodes everything, and what it misses."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.camera_stream import Encoding, encoded, joined, pictures, walker, write
from benchmarks.clips import Runs
from benchmarks.live_rig import LiveRig
from benchmarks.table import Part, Row, Table, Verdict
from vedette.model.incidents import StoredEvent
from vedette.model.media import Packet
from vedette.model.ports import Detector
from vedette.simulator.people import Person
from vedette.vision.motion import one_thread_for_each_picture

SIZE = (1920, 1080)
CAMERA_FPS = 25
TIMES = 12.0
MAIN = Encoding(*SIZE, CAMERA_FPS, 2.0, 4_000_000)
SUB = Encoding(640, 360, CAMERA_FPS, 2.0, 512_000, "sub")
SMALL = Encoding(640, 360, 10, 2.0, 512_000, "sub")
SETTLE_S = 6.0
WARM_UP_S = 20.0
"""At the start everything is watched; this much is not counted."""
PEER = "ffmpeg, every picture to a raw pipe at 5 fps, running average"
PEER_SMALL = "the same, made 640 wide by ffmpeg"


@dataclass(frozen=True)
class Cost:
    """Processor seconds per second of the stream."""

    name: str
    per_s: float
    inferences: int = 0
    awake: float = 0.0


def run(quick: bool = False) -> dict[str, object]:
    """The figures as plain values."""
    return measure(Runs(), quick=quick, say=lambda text: print(text, file=sys.stderr)).to_json()


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - shared by the parts
    """A 1080p camera at rest and one with people, ours and the usual way; then an hour with six visits."""
    drawn_s, watched_s = (8.0, 40.0) if quick else (20.0, 120.0)
    rig = LiveRig()
    with tempfile.TemporaryDirectory() as folder:
        say("drawing 1080p")
        idle = _settled(encoded(pictures(SIZE, CAMERA_FPS, SETTLE_S + drawn_s), MAIN, SUB))
        busy = _settled(encoded(pictures(SIZE, CAMERA_FPS, SETTLE_S + drawn_s, _crowd()), MAIN, SUB))
        rows: list[Row] = []
        costs: dict[tuple[str, str], Cost] = {}
        for state, (main, sub) in (("idle", idle), ("active", busy)):
            file = Path(folder) / f"{state}.h264"
            write(file, main)
            for cost in (
                _usual(file, drawn_s, PEER, SIZE), _usual(file, drawn_s, PEER_SMALL, (640, 360)),
                ours("ours, main stream", main, rig.detector, watched_s),
                ours("ours, sub-stream", sub, rig.detector, watched_s),
            ):  # fmt: skip
                say(f"{state}: {cost.name}: {cost.per_s:.4f}")
                costs[state, cost.name] = cost
                rows.append(_row(state, cost, costs[state, PEER]))
        say("an hour with few visits")
        hour = _few_visits(rig.detector, 300.0 if quick else 3600.0)
    note = (
        "Processor seconds per second of 1080p25 H.264 at 4 Mb/s with sensor noise, GOP 2 s; the sub-stream is 640x360 "
        f"at 512 kb/s. Ours analyses at 5 fps with detector and rules; the first {WARM_UP_S:.0f} s are not counted. "
        f"Decoded for the pipe by {_decoder_name()}; it and OpenCV have their default threads. What the bus costs to "
        "bring the packets is not in it."
    )
    tables = [
        Table("Cost of watching", rows, note, {"CPU-s/s": ".4f", "times less": ".1f", "awake": ".0%"}),
        Table("The same incidents", [hour], "A 640x360 stream; full decoding gives every picture at the same pace."),
    ]
    return Part(tables, _verdicts(costs, hour))


def _settled(streams: list[list[Packet]]) -> list[list[Packet]]:
    """The streams from where the encoder has found its rate, so that they can be shown again and again."""
    settled = []
    for packets in streams:
        rest = packets[round(SETTLE_S * CAMERA_FPS) :]
        back = -rest[0].at.stream_ns
        settled.append([replace(packet, at=packet.at.shifted(back), dts_ns=packet.dts_ns + back) for packet in rest])
    return settled


def _crowd() -> list[Person]:
    return [walker(n + 1, -4.0 * n, [(-7.0, 7.0 + n), (7.0, 7.5 + n)] * 3) for n in range(2)]


def ours(name: str, packets: Sequence[Packet], detector: Detector, seconds: float) -> Cost:
    """Live analysis over `packets`, shown again and again for `seconds` after the warm-up."""
    fps = CAMERA_FPS
    rig = LiveRig(packets[0].stream, detector=detector)
    rounds = int((WARM_UP_S + seconds) * fps / len(packets)) + 1
    whole = list(joined([packets] * rounds, fps))
    split = int(WARM_UP_S * fps)
    rig.see(whole[:split])
    before, looks, cpu = rig.analysis.health().figures["analyzed_frames"], _inferences(rig), time.process_time()
    awake = 0
    for packet in whole[split:]:
        rig.see([packet])
        awake += rig.policy.awake
    spent = time.process_time() - cpu
    assert rig.analysis.health().figures["analyzed_frames"] > before  # noqa: S101
    watched = len(whole) - split
    return Cost(name, spent * fps / watched, _inferences(rig) - looks, awake / watched)


def _inferences(rig: LiveRig) -> int:
    return int(rig.analysis.health().figures["inferences"])


def _usual(file: Path, seconds: float, name: str, size: tuple[int, int]) -> Cost:
    """Decode in another process, compare in this one."""
    width, height = size
    cv2.setNumThreads(-1)  # as it is where nobody says anything
    began, cpu = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    command = _command(file, size)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None  # noqa: S101
        frames, average, moving = 0, None, 0
        while len(data := process.stdout.read(width * height * 3)) == width * height * 3:
            image = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            average, boxes = _running_average(image, average)
            moving += bool(boxes)
            frames += 1
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not 0.9 <= frames / (5.0 * seconds) <= 1.1:
        raise RuntimeError(f"{command[0]} gave {frames} pictures of {seconds:.0f} s")
    one_thread_for_each_picture()
    child = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    return Cost(name, (child + time.process_time() - cpu) / seconds)


def _running_average(image: np.ndarray, average: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Motion as it is usually found: difference from a running average of the blurred grey picture."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (21, 21), 0)
    if average is None:
        return grey.astype(np.float32), 0
    cv2.accumulateWeighted(grey, average, 0.05)
    delta = cv2.absdiff(grey, cv2.convertScaleAbs(average))
    mask = cv2.dilate(cv2.threshold(delta, 25, 255, cv2.THRESH_BINARY)[1], np.ones((3, 3), np.uint8), iterations=2)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return average, len(contours)


def _decoder_name() -> str:
    return "the system's ffmpeg" if shutil.which("ffmpeg") else "PyAV in a process of its own (no ffmpeg is installed)"


def _command(file: Path, size: tuple[int, int]) -> list[str]:
    found = shutil.which("ffmpeg")
    scale = f"fps=5,scale={size[0]}:{size[1]}" if size != SIZE else "fps=5"
    if found:
        return [found, "-nostdin", "-loglevel", "error", "-framerate", str(CAMERA_FPS), "-i", str(file),
                "-vf", scale, "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]  # fmt: skip
    return [sys.executable, "-c", _BY_PYAV, str(file), str(size[0]), str(size[1])]


_BY_PYAV = """
import sys, av
with av.open(sys.argv[1]) as container:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    for number, frame in enumerate(container.decode(stream)):
        if number % 5 == 0:
            sys.stdout.buffer.write(frame.to_ndarray(format="bgr24", width=int(sys.argv[2]), height=int(sys.argv[3])))
"""


def _few_visits(detector: Detector, seconds: float) -> Row:
    """Rest, and now and then somebody who comes and goes; decoded as far as needed, and whole."""
    fps = SMALL.fps
    (rest,) = encoded(pictures((640, 360), fps, 20.0, seed=2), SMALL)
    ways = [[(-7.0, 7.0 + 0.3 * n), (0.0, 8.0), (7.0, 7.5)] for n in range(6)]
    visits = [
        encoded(pictures((640, 360), fps, 10.0, [walker(n + 1, 1.3 + 0.37 * n, way, 2.2)]), SMALL)[0]
        for n, way in enumerate(ways)
    ]
    pause = max(1, round(seconds / 20.0 / len(visits)) - 1)
    parts = [part for visit in visits for part in (*([rest] * pause), visit)] + [rest]
    found = []
    for idle in (True, False):
        rig = LiveRig("sub", idle=idle, detector=detector)
        cpu = time.process_time()
        rig.see(joined(parts, fps))
        rig.finish()
        found.append((rig, time.process_time() - cpu))
    (rested, cost), (whole, whole_cost) = found
    lasted = sum(map(len, parts)) / fps
    return {
        "seconds": lasted, "visits": len(visits), "incidents": len(rested.kept.incidents),
        "incidents of full decoding": len(whole.kept.incidents), "same events": _same(rested, whole),
        "CPU-s/s": cost / lasted, "CPU-s/s of full decoding": whole_cost / lasted,
    }  # fmt: skip


def _same(one: LiveRig, other: LiveRig) -> bool:
    """Whether both found the same: rule and kind in the same order, each within a second."""
    pairs = list(zip(*(sorted(rig.kept.events, key=_when) for rig in (one, other)), strict=False))
    alike = all(
        (a.event.rule, a.event.kind) == (b.event.rule, b.event.kind) and abs(_when(a) - _when(b)) <= 1.0
        for a, b in pairs
    )
    return alike and len(one.kept.events) == len(other.kept.events)


def _when(event: StoredEvent) -> float:
    return event.event.at.stream_s


def _row(state: str, cost: Cost, peer: Cost) -> Row:
    return {
        "camera": state, "how": cost.name, "CPU-s/s": cost.per_s, "times less": peer.per_s / cost.per_s,
        "inferences": cost.inferences, "awake": cost.awake,
    }  # fmt: skip


def _verdicts(costs: dict[tuple[str, str], Cost], hour: Row) -> list[Verdict]:
    peer = {state: costs[state, PEER].per_s for state in ("idle", "active")}
    verdicts = []
    for name in ("ours, main stream", "ours, sub-stream"):
        times = peer["idle"] / costs["idle", name].per_s
        what = f"idle 1080p25, GOP 2 s, {name.removeprefix('ours, ')}: CPU below the usual pipeline"
        verdicts.append(Verdict(what, f"at least {TIMES:.0f} times", f"{times:.1f} times", times >= TIMES))
        share = costs["active", name].per_s / peer["active"]
        what = f"active 1080p25, {name.removeprefix('ours, ')}: CPU beside the usual pipeline"
        verdicts.append(Verdict(what, "no dearer", f"{share:.0%} of it", share <= 1.0))
    same = bool(hour["same events"]) and hour["incidents"] == hour["incidents of full decoding"]
    measured = f"{hour['incidents']} and {hour['incidents of full decoding']}"
    return [*verdicts, Verdict("incidents with 1 % activity, at rest and decoded whole", "the same", measured, same)]


if __name__ == "__main__":
    print(os.linesep.join(table.markdown() for table in measure(Runs(), quick="--quick" in sys.argv, say=print).tables))
