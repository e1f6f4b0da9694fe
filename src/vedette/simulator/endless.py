"""A cast without end: people keep coming for as long as somebody looks."""

from __future__ import annotations

from typing import Final

from vedette.simulator.scene import Actor, Scene

_WINDOW_S: Final = 60.0
_APART_S: Final = 4.0
"""Nobody new comes for so long after a window begins: who came before cannot be asked to make room."""
_NUMBERS: Final = 1_000_000
_SEEDS: Final = 7_919


class Crowd:
    """The actors of a scene around a moment that only moves on.

    The scene's own cast is called window by window, each with a seed of its own, and moved to its place in time. Who
    came in a window stays as long as the scene has it; those of two windows do not see each other.
    """

    def __init__(self, scene: Scene, seed: int, people: int) -> None:
        self._scene, self._seed, self._people = scene, seed, people
        self._windows = 0
        self.actors: list[Actor] = []

    def advance(self, until_s: float) -> list[Actor]:
        """Have everybody there who comes before `until_s`, forget who left long before; who is new."""
        new: list[Actor] = []
        while self._windows * _WINDOW_S <= until_s:
            new += self._window(self._windows)
            self._windows += 1
        gone_s = until_s - _WINDOW_S
        self.actors = [actor for actor in self.actors if actor.path.end_s > gone_s] + new
        return new

    def _window(self, index: int) -> list[Actor]:
        cast = self._scene.cast(self._seed + _SEEDS * index, self._people, _WINDOW_S)
        if index == 0:
            return cast
        coming = (actor for actor in cast if actor.path.start_s >= _APART_S)
        return [actor.later(index * _WINDOW_S, actor.id + index * _NUMBERS) for actor in coming]
