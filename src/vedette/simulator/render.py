"""A scene to files: the video, its exact truth, and rules to try on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vedette.model.errors import OutputError, UsageError
from vedette.simulator.backdrop import Light
from vedette.simulator.outputs import Ledger, Truth, write_rules, write_truth
from vedette.simulator.settings import Settings, find_scene, set_stage
from vedette.video.writer import VideoWriter

Progress = Callable[[int, int], None]
"""Told after every frame: how many are written, and how many there will be."""


def simulate(
    scene: str,
    out: Path,
    *,
    seed: int = 1,
    seconds: float = 60.0,
    fps: float = 12.0,
    size: tuple[int, int] = (1280, 720),
    people: int | None = None,
    light: Light = "day",
    noise: float | None = None,
    progress: Progress | None = None,
) -> Truth:
    """Draw `scene` into the folder `out`: `video.mp4`, `truth.json`, `truth.txt` and `rules.yaml`.

    Stopped by KeyboardInterrupt, it finishes the files with what was drawn so far and answers the truth of that; the
    caller sees it by `Truth.frames`. Raises UsageError for an unknown scene or a value out of range, OutputError.
    """
    chosen = find_scene(scene)
    try:
        settings = Settings(
            seed=seed, seconds=seconds, fps=fps, size=size, people=people, light=light, noise=noise
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error)) from error
    _make_folder(out)
    stage = set_stage(chosen, settings)
    write_rules(out / "rules.yaml", stage)
    ledger = Ledger()
    with VideoWriter(out / "video.mp4", *size, fps) as video:
        try:
            for drawn in stage.renderer.frames(fps, settings.frames):
                video.write(drawn.image, drawn.at_s)
                ledger.note(drawn)
                if progress is not None:
                    progress(len(ledger.people), settings.frames)
        except KeyboardInterrupt:
            if not ledger.people:
                raise
    truth = ledger.truth(stage)
    write_truth(out, stage, ledger, truth)
    return truth


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot make the folder {out}: {reason}; choose another with -o") from error
