"""kill -9 at random moments: what is lost, and is everything in order afterwards."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.clips import Runs
from benchmarks.footage_check import Loss, judge, kept
from benchmarks.rig import Rig
from benchmarks.table import Part, Row, Table, Verdict
from vedette.model.time import NS_PER_S
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip

FPS = 25
GOPS_S = (1, 2, 8)
CLIP_S = 64
MOST_LOST_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is killed: each of `parts` in turn, `kills` times, with a wait of between[0] to between[1] seconds."""

    kills: int
    parts: tuple[str, ...] = ("recorder",)
    between_s: tuple[float, float] = (1.0, 14.0)
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan.

    losses    by GOP in seconds, one for each connection of the recorder
    orphans   files without a row, and other findings of fsck
    restarts  seconds from each kill of the recorder until it runs again
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
    chance = random.Random(plan.seed)  # noqa: S311 - moments, not secrets
    made = {
        gop: make_clip(clips, seconds=CLIP_S, fps=FPS, size=(320, 180), gop_s=gop, bitrate=200_000) for gop in GOPS_S
    }
    with CameraFarm({f"gop{gop}": CameraSpec(clip, loop=True) for gop, clip in made.items()}) as farm:
        cameras = {f"gop{gop}": {"source": farm.address(f"gop{gop}"), "analyze": "off"} for gop in GOPS_S}
        rig = Rig(folder, cameras)
        rig.start()
        kills, restarts = [], []
        for number in range(plan.kills):
            part = plan.parts[number % len(plan.parts)]
            before = rig.until(partial(rig.pid, part), f"{part} runs")
            time.sleep(chance.uniform(*plan.between_s))
            at_ns = rig.kill(part)
            rig.until(partial(_is_another, rig, part, before), f"{part} runs again")
            if part == "recorder":
                kills.append(at_ns)
                restarts.append((time.time_ns() - at_ns) / NS_PER_S)
        time.sleep(max(GOPS_S) + 4)
        stopping_ns = time.time_ns()
        well = rig.stop() == 0
        losses = {gop: _losses(rig, farm, gop, [*kills, stopping_ns]) for gop in GOPS_S}
    check = rig.vedette("fsck", "--hashes", "-c", str(rig.file))
    findings = () if check.returncode == 0 else tuple((check.stdout + check.stderr).splitlines())
    count = sum(len(run.segments) for gop in GOPS_S for run in kept(rig.config, f"gop{gop}"))
    return Outcome(plan, losses, findings, well, tuple(restarts), count)


def _is_another(rig: Rig, part: str, before: int) -> bool:
    return rig.pid(part) not in {None, before}


def _losses(rig: Rig, farm: CameraFarm, gop: int, ends: Sequence[int]) -> list[Loss]:
    runs = kept(rig.config, f"gop{gop}")
    found: list[Loss] = []
    ended: int | None = None
    for viewing in farm.sent(f"gop{gop}").viewings:
        if not viewing.frames:
            continue
        until = next((end for end in ends if end >= int(viewing.sent_utc_ns[0])), ends[-1])
        loss = judge(viewing, runs, gop * FPS, until)
        first = next(
            (r.start_utc_ns for r in runs if r.start_utc_ns >= int(viewing.captured_utc_ns[0]) - NS_PER_S), None
        )
        late = None if ended is None or first is None or first > until else (first - ended) / NS_PER_S
        found.append(replace(loss, late_s=late))
        ended = until
    return found


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - shared by the parts
    """200 kills of the recorder (20 when quick), and some of the others while it goes on."""
    say("killing")
    plans = [Plan(5, seed=seed, between_s=(1.0, 6.0)) for seed in (1, 2)] if quick else [
        *(Plan(50, seed=seed) for seed in (1, 2, 3, 4)),
    ]  # fmt: skip
    others = Plan(4 if quick else 20, parts=("analyzer", "server"), between_s=(2.0, 4.0), seed=9)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        clips = root / "clips"
        clips.mkdir()
        for gop in GOPS_S:
            clip_of(clips, gop)
        outcomes = []
        with ThreadPoolExecutor(2) as pool:
            jobs = []
            for number, plan in enumerate([*plans, others]):
                folder = root / str(number)
                folder.mkdir()
                jobs.append(pool.submit(carry_out, plan, folder, clips))
            outcomes = [job.result() for job in jobs]
    return part_of(outcomes[:-1], outcomes[-1])


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
