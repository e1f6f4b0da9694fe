"""kill -9 at random moments: what is lost, and is everything in order afterwards."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.clips import Runs
from benchmarks.footage_check import Loss, judge, kept, segments_of
from benchmarks.rig import PARTS, Rig
from benchmarks.table import Part, Row, Table, Verdict
from vedette.model.time import NS_PER_S
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip

FPS = 25
GOPS_S = (1, 2, 8)
CLIP_S = 64
MOST_LOST_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is killed: each of `parts` in turn, `kills` times.

    between_s  a kill comes so many seconds, by chance, after all cameras are recorded and all parts run again
    only       the recorder runs alone and is started again at once; otherwise the supervisor does it
    """

    kills: int
    parts: tuple[str, ...] = ("recorder",)
    between_s: tuple[float, float] = (0.0, 13.0)
    seed: int = 1
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan.

    losses    by GOP in seconds, one for each connection of the recorder
    findings  what fsck says that is not as it should be
    restarts  seconds from each kill of the recorder until all cameras were connected again
    """

    plan: Plan
    losses: dict[int, list[Loss]]
    findings: tuple[str, ...]
    stopped_well: bool
    restarts_s: tuple[float, ...]
    segments: int


def clip_of(folder: Path, gop: int) -> Path:
    """What a camera with keyframes `gop` seconds apart shows."""
    return make_clip(folder, seconds=CLIP_S, fps=FPS, size=(320, 180), gop_s=gop, bitrate=200_000)


def carry_out(plan: Plan, folder: Path, clips: Path) -> Outcome:
    """Kill as planned, stop in good order, and look at everything that was kept."""
    specs = {f"gop{gop}": CameraSpec(clip_of(clips, gop), loop=True) for gop in GOPS_S}
    with CameraFarm(specs) as farm:
        cameras = {name: {"source": farm.address(name), "analyze": "off"} for name in specs}
        rig = Rig(folder, cameras, only=plan.only)
        rig.start()
        try:
            kills, restarts = _kill(plan, rig, farm)
            rig.until(lambda: all(_keyed(farm, gop) for gop in GOPS_S), "keyframes came", 60.0)
            time.sleep(2.0)
            ends = [*kills, time.time_ns()]
        finally:
            well = rig.stop() == 0
        losses = {gop: _losses(rig, farm, gop, ends) for gop in GOPS_S}
    check = rig.vedette("fsck", "--hashes", "-c", str(rig.file))
    findings = () if check.returncode == 0 else tuple((check.stdout + check.stderr).splitlines())
    count = sum(len(segments_of(rig.config, f"gop{gop}")) for gop in GOPS_S)
    return Outcome(plan, losses, findings, well, tuple(restarts), count)


def _kill(plan: Plan, rig: Rig, farm: CameraFarm) -> tuple[list[int], list[float]]:
    """The kills: when those of the recorder were, and how long it was away each time."""
    chance = random.Random(plan.seed)  # noqa: S311 - moments, not secrets
    kills: list[int] = []
    restarts: list[float] = []
    _until_whole(rig, farm, 0)
    for number in range(plan.kills):
        part = plan.parts[number % len(plan.parts)]
        time.sleep(chance.uniform(*plan.between_s))
        at_ns = rig.kill(part)
        if plan.only:
            rig.start()
        if part == "recorder":
            kills.append(at_ns)
        _until_whole(rig, farm, kills[-1] if kills else 0)
        if part == "recorder":
            restarts.append((time.time_ns() - at_ns) / NS_PER_S)
    return kills, restarts


def _until_whole(rig: Rig, farm: CameraFarm, since_ns: int) -> None:
    """Wait until all parts run and all cameras are watched, by connections made after `since_ns`."""
    parts = [rig.only] if rig.only else PARTS
    rig.until(lambda: all(rig.pid(part) for part in parts), "all parts run again", 60.0)
    rig.until(lambda: all(_watched(farm, name, since_ns) for name in farm.names), "all cameras are recorded", 60.0)


def _watched(farm: CameraFarm, name: str, since_ns: int) -> bool:
    newest = [viewing for viewing in farm.sent(name).viewings if viewing.frames]
    return bool(newest) and int(newest[-1].sent_utc_ns[0]) > since_ns


def _keyed(farm: CameraFarm, gop: int) -> bool:
    """Whether the newest connection was sent a keyframe."""
    newest = [viewing for viewing in farm.sent(f"gop{gop}").viewings if viewing.frames]
    return bool(newest) and bool((newest[-1].picture % (gop * FPS) == 0).any())


def _losses(rig: Rig, farm: CameraFarm, gop: int, ends: Sequence[int]) -> list[Loss]:
    runs = kept(rig.config, f"gop{gop}")
    found: list[Loss] = []
    ended: int | None = None
    for viewing in farm.sent(f"gop{gop}").viewings:
        if not viewing.frames:
            continue
        until = next((end for end in ends if end >= int(viewing.sent_utc_ns[0])), ends[-1])
        loss = judge(viewing, runs, gop * FPS, until)
        begun = int(viewing.captured_utc_ns[0]) - NS_PER_S
        first = next((run.start_utc_ns for run in runs if run.start_utc_ns >= begun), None)
        late = None if ended is None or first is None or first > until else (first - ended) / NS_PER_S
        found.append(replace(loss, late_s=late))
        ended = until
    return found


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - shared by the parts
    """200 kills of the recorder and 20 of the others meanwhile; 20 in all when quick."""
    say("killing")
    with tempfile.TemporaryDirectory() as name:
        *killed, others = kill(short_plans() if quick else long_plans(), Path(name), together=2 if quick else 5)
    return part_of(killed, others)


def short_plans() -> list[Plan]:
    """Twenty kills: ten of a recorder that runs alone, ten of the others."""
    return [
        Plan(10, between_s=(0.0, 2.5), seed=time.time_ns(), only="recorder"),
        Plan(10, ("analyzer", "server"), (0.0, 1.0), time.time_ns() + 1),
    ]


def long_plans() -> list[Plan]:
    """200 kills of the recorder under its supervisor, at last some of the others."""
    return [*(Plan(50, seed=seed) for seed in (1, 2, 3, 4)), Plan(20, ("analyzer", "server"), (2.0, 4.0), 9)]


def kill(plans: Sequence[Plan], root: Path, together: int = 2) -> list[Outcome]:
    """Carry out plans, `together` at once, each in a folder of its own in `root`."""
    clips = root / "clips"
    clips.mkdir()
    for gop in GOPS_S:
        clip_of(clips, gop)
    with ThreadPoolExecutor(together) as pool:
        jobs = []
        for number, plan in enumerate(plans):
            folder = root / str(number)
            folder.mkdir()
            jobs.append(pool.submit(carry_out, plan, folder, clips))
        return [job.result() for job in jobs]


def part_of(killed: Sequence[Outcome], others: Outcome) -> Part:
    """The outcomes as tables."""
    rows: list[Row] = []
    for gop in GOPS_S:
        losses = [loss for outcome in killed for loss in outcome.losses[gop]]
        lost = [loss.lost_s for loss in losses]
        late = [loss.late_s for loss in losses if loss.late_s is not None]
        rows.append({
            "GOP s": gop, "connections": len(losses), "lost s, median": _at(lost, 50), "lost s, worst": max(lost),
            "missing or wrong frames in between": sum(loss.holes for loss in losses),
            "kept frames that do not decode": sum(loss.broken for loss in losses),
            "until kept again s, median": _at(late, 50), "until kept again s, worst": max(late, default=0.0),
        })  # fmt: skip
    kills = sum(len(outcome.restarts_s) for outcome in killed)
    worst = max(loss.lost_s for outcome in killed for losses in outcome.losses.values() for loss in losses)
    broken = sum(loss.holes + loss.broken for o in killed for losses in o.losses.values() for loss in losses)
    findings = [line for outcome in (*killed, others) for line in outcome.findings]
    apart = [loss for losses in others.losses.values() for loss in losses]
    unharmed = len(apart) == len(GOPS_S) and not any(loss.holes or loss.broken for loss in apart)
    unharmed &= all(loss.lost_s <= MOST_LOST_S for loss in apart)
    note = (
        "Lost: what was received after a keyframe and before the kill, and is not kept. Until kept again: restart, "
        "connection, and the wait for the camera's next keyframe together."
    )
    return Part(
        tables=[Table(f"{kills} times kill -9 of the recorder", rows, note)],
        verdicts=[
            Verdict(
                "footage lost by kill -9 of the recorder",
                f"<= {MOST_LOST_S:g} s",
                f"{worst:.2f} s",
                worst <= MOST_LOST_S,
            ),
            Verdict("committed segments decode to the last fragment", "all", f"{broken} frames wrong", broken == 0),
            Verdict("fsck --hashes after the kills", "clean", f"{len(findings)} findings", not findings),
            Verdict("packets lost by kill -9 of analyzer and server", "none", "none" if unharmed else "some", unharmed),
        ],
        details={"findings": findings},
    )


def _at(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else 0.0
