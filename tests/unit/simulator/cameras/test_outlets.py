import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import pytest

from vedette.simulator.cameras.outlets import Bounds, UdpOutlet, Valve


@dataclass
class Socket:
    """Remembers datagrams and when they went out; a full one refuses."""

    sent: list[tuple[float, bytes, tuple[str, int]]] = field(default_factory=list)
    full: bool = False

    def sendto(self, data: bytes | memoryview, to: tuple[str, int]) -> None:
        if self.full:
            raise BlockingIOError
        self.sent.append((time.monotonic(), bytes(data), to))


def frame(packets: int, mark: int = 0) -> tuple[bytearray, Bounds]:
    body = b"".join(b"$\0\0\4" + bytes((mark, i >> 8, i & 255, 0)) for i in range(packets))
    return bytearray(body), tuple(range(0, 8 * packets + 1, 8))


def test_a_large_frame_goes_out_in_volleys_and_the_next_one_after_it() -> None:
    media, control = Socket(), Socket()

    async def send() -> None:
        outlet = UdpOutlet(cast("Any", (media, control)), "127.0.0.1", (5000, 5001))
        outlet.frame(*frame(200))
        assert len(media.sent) < 60
        outlet.frame(*frame(3, mark=1))
        outlet.report(b"report")
        await asyncio.sleep(0.2)

    asyncio.run(send())
    numbers = [(data[0], data[1] << 8 | data[2]) for _, data, _ in media.sent]
    assert numbers == [(0, i) for i in range(200)] + [(1, i) for i in range(3)]
    assert media.sent[199][0] - media.sent[0][0] > 0.006
    assert {to for _, _, to in media.sent} == {("127.0.0.1", 5000)}
    assert [(data, to) for _, data, to in control.sent] == [(b"report", ("127.0.0.1", 5001))]


def test_what_the_network_does_not_take_is_lost_without_a_word() -> None:
    media = Socket(full=True)

    async def send() -> None:
        UdpOutlet(cast("Any", (media, media)), "127.0.0.1", (5000, 5001)).frame(*frame(3))

    asyncio.run(send())
    assert media.sent == []


@dataclass
class Line:
    came: list[tuple[float, bytes]] = field(default_factory=list)

    def frame(self, data: bytearray, bounds: Bounds) -> None:
        del bounds
        self.came.append((time.monotonic(), bytes(data)))

    def report(self, packet: bytes) -> None:
        raise AssertionError(packet)

    def full(self) -> bool:
        return False


class TestValve:
    def test_open_nothing_waits(self) -> None:
        line = Line()

        async def send() -> None:
            assert Valve(line).frame(bytearray(b"a"), (0, 1), None, None)
            assert len(line.came) == 1

        asyncio.run(send())

    def test_held_frames_come_together_and_in_order_and_then_it_is_open(self) -> None:
        line = Line()

        async def send() -> None:
            valve = Valve(line)
            for name in (b"a", b"b", b"c"):
                assert valve.frame(bytearray(name), (0, 1), 0.1, None)
                await asyncio.sleep(0.01)
            assert not line.came
            valve.frame(bytearray(b"d"), (0, 1), None, None)
            await asyncio.sleep(0.15)
            valve.frame(bytearray(b"e"), (0, 1), None, None)

        asyncio.run(send())
        assert [data for _, data in line.came] == [b"a", b"b", b"c", b"d", b"e"]
        assert line.came[3][0] - line.came[0][0] < 0.05

    def test_a_narrow_line_carries_so_much_and_refuses_what_waits_too_long(self) -> None:
        line = Line()

        async def send() -> list[bool]:
            valve = Valve(line)
            taken = [valve.frame(bytearray(100), (0, 100), None, 1000.0) for _ in range(40)]
            await asyncio.sleep(0.55)
            valve.close()
            return taken

        taken = asyncio.run(send())
        assert 20 <= sum(taken) < 30
        assert 4 <= len(line.came) <= 7
        steps = [b - a for (a, _), (b, _) in pairwise(line.came)]
        assert min(steps) == pytest.approx(0.1, abs=0.03)
