"""Actors who come at stated times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vedette.simulator.projection import View
from vedette.simulator.scene import Act, Actor, Scene
from vedette.simulator.sprites import extent

_STEP_S: Final = 0.02
_HALVINGS: Final = 14


def call(scene: Scene, view: View, seed: int, wanted: Sequence[tuple[float, str, float | None]]) -> list[Actor]:
    """One actor per `(start_s, act, lasts_s)`, numbered from 1 in this order.

    They begin to show at `start_s`, and show for `lasts_s` where that is given. Raises ValueError for an act that the
    scene does not have or that cannot last so long.
    """
    return [
        _actor(scene, view, number, int(np.random.default_rng([seed, 31, number]).integers(1 << 32)), event)
        for number, event in enumerate(wanted, start=1)
    ]


def shown(actor: Actor, view: View) -> tuple[float, float] | None:
    """First and last time in seconds at which the middle of the actor's box is in the picture; None when never."""
    t = np.arange(actor.path.start_s, actor.path.end_s, _STEP_S)
    xy, scale = view.project(actor.balls(t))
    box = extent(xy, actor.radii * scale)
    x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    inside = np.flatnonzero((x >= 0) & (x < view.width) & (y >= 0) & (y < view.height))
    return (float(t[inside[0]]), float(t[inside[-1]])) if len(inside) else None


def _actor(scene: Scene, view: View, number: int, chance: int, event: tuple[float, str, float | None]) -> Actor:
    start_s, name, lasts_s = event
    if name not in scene.acts:
        raise ValueError(f"{scene.name} has no act '{name}': known are {', '.join(scene.acts)}")
    act = scene.acts[name]
    if lasts_s is not None and not act.reaches:
        raise ValueError(f"'{name}' takes as long as it takes: leave out how long it lasts")
    reach = 1.0 if lasts_s is None else _reach(act, view, number, chance, lasts_s)
    actor = act.make(number, np.random.default_rng(chance), reach)
    span = shown(actor, view)
    if span is None:
        raise ValueError(f"'{name}' does not show in the picture")
    return actor.later(start_s - span[0], number)


def _reach(act: Act, view: View, number: int, chance: int, lasts_s: float) -> float:
    """How far an actor has to go to show for `lasts_s`: the farther, the longer."""

    def seconds(reach: float) -> float:
        span = shown(act.make(number, np.random.default_rng(chance), reach), view)
        return 0.0 if span is None else span[1] - span[0]

    if not seconds(0.0) < lasts_s <= seconds(1.0):
        raise ValueError(f"it can last between {seconds(0.0):.2f} and {seconds(1.0):.2f} s, not {lasts_s:g} s")
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if seconds(middle) < lasts_s else (low, middle)
    return high
