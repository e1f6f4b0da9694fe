import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.media import Codec
from vedette.simulator.cameras.faults import BackwardStamps, SlowClock, StallStamps
from vedette.simulator.cameras.media import Clip, Unit
from vedette.simulator.cameras.player import Player, Ticker
from vedette.simulator.cameras.rtp import Cut, CutClip, cut_clip, datagrams, patched
from vedette.simulator.cameras.stamps import Stamps

FPS = 25.0


def clip(frames: int = 10, *, reordered: bool = False) -> CutClip:
    """Every fifth frame a keyframe; `reordered`: each is presented one to three frames after it is decoded."""
    units = []
    for i in range(frames):
        late = (1 + i % 3 if reordered else 0) / FPS
        head = b"\x65" if i % 5 == 0 else b"\x41"
        units.append(Unit(i / FPS, i / FPS + late, b"\0\0\0\1" + head + bytes([i + 1]) * 3000, i % 5 == 0, i))
    codec = Codec("h264", b"\0\0\0\1\x67sps\0\0\0\1\x68pps", 64, 64)
    return cut_clip(Clip(codec, tuple(units), frames / FPS, 3 / FPS if reordered else 0.0))


@dataclass
class Looker:
    seen: list[tuple[int, int, float, float]] = field(default_factory=list)
    ended: bool = False

    def send(self, cut: Cut, number: int, at_s: float, captured_s: float) -> None:
        self.seen.append((number, cut.unit.picture, at_s, captured_s))

    def end(self) -> None:
        self.ended = True


@given(start=st.floats(0, 1000), first=st.integers(0, 30), count=st.integers(1, 25))
def test_the_next_frame_is_the_first_that_is_due(start: float, first: int, count: int) -> None:
    player = Player(clip(), 100.0, first=first, epoch_s=100.0)
    player.seek(100.0 + start)
    assert 100.0 + start - 1e-5 <= player.due_s <= 100.0 + start + 1 / FPS + 1e-5
    assert player.due_s == pytest.approx(100.0 + player.number / FPS)
    looker = Looker()
    player.viewers.append(looker)
    for _ in range(count):
        assert player.fire()
    numbers = [number for number, *_ in looker.seen]
    assert numbers == list(range(numbers[0], numbers[0] + count))
    assert all(picture == (first + number) % 10 for number, picture, *_ in looker.seen)
    assert all(at_s == pytest.approx(number / FPS) for number, _, at_s, _ in looker.seen)


def test_no_frame_is_sent_before_it_was_captured_and_times_go_on_over_the_seam() -> None:
    player, looker = Player(clip(reordered=True), 5.0, epoch_s=5.0), Looker()
    player.viewers.append(looker)
    for _ in range(25):
        due_s = player.due_s
        player.fire()
        assert looker.seen[-1][3] <= due_s + 1e-9
    presented = sorted(at_s for _, _, at_s, _ in looker.seen)
    assert max(b - a for a, b in pairwise(presented)) < 3 / FPS + 1e-9


def test_a_clip_shown_once_ends() -> None:
    player, looker = Player(clip(), 0.0, first=7, epoch_s=0.0, loop=False), Looker()
    player.viewers.append(looker)
    while player.fire():
        pass
    assert [picture for _, picture, *_ in looker.seen] == [7, 8, 9]
    assert looker.ended


def test_late_joiners_start_at_the_next_frame_and_leavers_get_no_more() -> None:
    async def play() -> tuple[Looker, Looker]:
        loop = asyncio.get_running_loop()
        ticker, player = Ticker(loop), Player(clip(), loop.time(), epoch_s=loop.time())
        early, late = Looker(), Looker()
        ticker.watch(player, early)
        await asyncio.sleep(0.3)
        ticker.watch(player, late)
        await asyncio.sleep(0.2)
        ticker.leave(player, early)
        await asyncio.sleep(0.2)
        ticker.leave(player, late)
        ticker.leave(player, late)
        await asyncio.sleep(0.1)
        return early, late

    early, late = asyncio.run(play())
    first, last = late.seen[0][0], early.seen[-1][0]
    assert 5 <= first <= 9
    begin = early.seen[0][0]
    assert begin in (0, 1)
    assert [number for number, *_ in early.seen] == list(range(begin, last + 1))
    assert [number for number, *_ in late.seen] == list(range(first, late.seen[-1][0] + 1))


def test_patching_changes_what_differs_and_nothing_else() -> None:
    cut = clip().cuts[0]
    data = patched(cut, 4, 65_534, 2**32 + 7, 0xDEADBEEF)
    packets = [bytes(packet) for packet in datagrams(data, cut.bounds)]
    assert len(packets) == cut.packets == 3
    assert [int.from_bytes(p[2:4], "big") for p in packets] == [65_534, 65_535, 0]
    assert {p[4:8] for p in packets} == {(7).to_bytes(4, "big")}
    assert {p[8:12] for p in packets} == {bytes.fromhex("deadbeef")}
    assert [p[1] for p in packets] == [96, 96, 96 | 0x80]
    originals = datagrams(cut.template, cut.bounds)
    assert [p[12:] for p in packets] == [bytes(p[12:]) for p in originals]
    assert cut.octets == sum(len(p) - 12 for p in packets)


class TestStamps:
    def test_bends_and_what_stays_of_them(self) -> None:
        stamps = Stamps()
        stamps.bend(SlowClock(ppm=100_000), 10.0)
        assert stamps.of(20.0) == pytest.approx(19.0)
        stamps.straighten(20.0)
        assert stamps.of(30.0) == pytest.approx(29.0)
        stamps.jump(5.0)
        assert stamps.of(30.0) == pytest.approx(34.0)
        stamps.bend(StallStamps(), 30.0)
        assert stamps.of(33.0) == pytest.approx(34.0)
        stamps.bend(BackwardStamps(), 40.0)
        assert stamps.of(42.0) == pytest.approx(42.0)
        stamps.straighten(42.0)
        assert stamps.of(42.0) == pytest.approx(46.0)
