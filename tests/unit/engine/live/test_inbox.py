from __future__ import annotations

import threading

from vedette.engine.live.inbox import MOST_BYTES, Inbox
from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S, Instant

CODEC = Codec("h264", b"", 320, 180)


def packet(number: int, gop: int = 10, size: int = 10) -> Packet:
    at = Instant(number * NS_PER_S // 10, number)
    return Packet("yard", "main", bytes(size), at, at.stream_ns, number % gop == 0, CODEC, number)


def drained(inbox: Inbox) -> list[int]:
    numbers = []
    while isinstance(item := inbox.take(0.0), tuple):
        numbers.append(item[0].number)
    return numbers


def test_packets_come_out_in_order_with_their_arrival() -> None:
    inbox = Inbox()
    inbox.put(packet(0), 5)
    inbox.put(packet(1), 6)
    assert inbox.take(0.0) == (packet(0), 5)
    assert inbox.take(0.0) == (packet(1), 6)
    assert inbox.take(0.0) is None


def test_orders_come_before_packets() -> None:
    inbox, done = Inbox(), list[str]()
    inbox.put(packet(0), 0)
    inbox.order(lambda: done.append("first"))
    inbox.order(lambda: done.append("second"))
    for _ in range(2):
        order = inbox.take(0.0)
        assert callable(order)
        order()
    assert done == ["first", "second"]
    assert drained(inbox) == [0]


def test_who_is_too_late_jumps_to_the_newest_keyframe() -> None:
    inbox = Inbox()
    for number in range(55):
        inbox.put(packet(number), number * NS_PER_S // 10)
    # At 5.1 s of waiting the newest keyframe was number 50.
    assert drained(inbox) == [50, 51, 52, 53, 54]
    assert inbox.dropped == 50


def test_without_a_later_keyframe_everything_goes() -> None:
    inbox = Inbox()
    for number in range(60):
        inbox.put(packet(number, gop=1000), number * NS_PER_S // 10)
    assert drained(inbox) == list(range(52, 60))
    assert inbox.dropped == 52


def test_bytes_are_bounded() -> None:
    inbox = Inbox()
    for number in range(100):
        inbox.put(packet(number, size=2**20), 0)
    assert inbox._bytes <= MOST_BYTES
    kept = drained(inbox)
    assert kept[-1] == 99
    assert kept[0] % 10 == 0
    assert len(kept) + inbox.dropped == 100


def test_closing_leaves_out_packets_and_keeps_orders() -> None:
    inbox, done = Inbox(), list[str]()
    inbox.put(packet(0), 0)
    inbox.order(lambda: done.append("last"))
    inbox.close()
    inbox.put(packet(1), 0)
    order = inbox.take(0.0)
    assert callable(order)
    assert inbox.take(0.0) is None
    assert inbox.closed


def test_closing_wakes_who_waits() -> None:
    inbox = Inbox()
    thread = threading.Thread(target=inbox.take, args=(60.0,))
    thread.start()
    inbox.close()
    thread.join(5.0)
    assert not thread.is_alive()
