from __future__ import annotations

import numpy as np
import pytest

from vedette.video.packet_sizes import SizeWatch

FPS, GOP = 25, 50


def sizes(groups: int, spread: float = 0.06, seed: int = 1, layers: bool = False) -> list[list[float]]:
    """Packets between keyframes: small at first, then growing, with noise; every second one small if asked."""
    rng = np.random.default_rng(seed)
    shape = 12_000 * (0.5 + 0.5 * (1 - np.exp(-np.arange(GOP - 1) / 8)))
    if layers:
        shape[::2] /= 3
    return [(shape * rng.lognormal(0.0, spread, GOP - 1)).tolist() for _ in range(groups)]


def jumps(stream: list[list[float]], watch: SizeWatch | None = None) -> list[tuple[int, int]]:
    """(group, place) of every jump."""
    watch, found = watch or SizeWatch(), []
    for group, packets in enumerate(stream):
        watch.key()
        found += [(group, place) for place, size in enumerate(packets) if watch.jump(round(size))]
    return found


@pytest.mark.parametrize("layers", [False, True])
@pytest.mark.parametrize("spread", [0.01, 0.06, 0.2])
def test_noise_alone_hardly_ever_jumps(spread: float, layers: bool) -> None:
    """Half an hour."""
    assert len(jumps(sizes(900, spread, layers=layers))) <= 2


@pytest.mark.parametrize("layers", [False, True])
@pytest.mark.parametrize(("rise", "within_s"), [(1.25, 0.6), (2.0, 0.3)])
def test_a_lasting_rise_is_noticed_soon(rise: float, within_s: float, layers: bool) -> None:
    stream = sizes(40, layers=layers)
    stream[30] = [size * (rise if place >= 20 else 1.0) for place, size in enumerate(stream[30])]
    assert jumps(stream)
    group, place = jumps(stream)[0]
    assert group == 30
    assert 20 <= place <= 20 + within_s * FPS


def test_one_large_packet_is_no_jump() -> None:
    stream = sizes(40)
    stream[30][20] *= 4
    assert jumps(stream) == []


def test_nothing_is_believed_before_enough_was_seen() -> None:
    stream = sizes(6)
    stream[4] = [size * 5 for size in stream[4]]
    assert jumps(stream) == []


def test_a_scene_that_slowly_grows_restless_is_followed() -> None:
    stream = [[size * (1.0 + group / 300) for size in packets] for group, packets in enumerate(sizes(600))]
    assert len(jumps(stream)) <= 2


def test_a_false_alarm_makes_stricter_and_time_forgives() -> None:
    rising = sizes(6, seed=2)
    rising[1] = [size * 1.12 for size in rising[1]]
    strict, forgiven = SizeWatch(), SizeWatch()
    for watch in (strict, forgiven):
        jumps(sizes(20), watch)
        for _ in range(10):
            watch.false_alarm()
    jumps(sizes(200), forgiven)
    assert jumps(rising, strict) == []
    assert jumps(rising, forgiven)[0][0] == 1


def test_memory_does_not_grow_with_the_group() -> None:
    watch = SizeWatch()
    watch.key()
    for _ in range(100_000):
        watch.jump(1000)
    assert len(watch._usual) <= 64
