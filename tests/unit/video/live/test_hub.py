from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_footage import packets
from vedette.model.media import Codec, Packet
from vedette.video.live.hub import Chunk, LiveHub, LiveOptions, Viewer
from vedette.video.live.muxer import Muxer, Unit
from vedette.video.live.queue import UnitQueue


def feed(hub: LiveHub, made: list[Packet]) -> None:
    for packet in made:
        hub.feed(packet)


def waiting(viewer: Viewer) -> list[Chunk]:
    chunks = []
    while (chunk := viewer.next(0)) is not None:
        chunks.append(chunk)
    return chunks


def kinds(chunks: list[Chunk]) -> str:
    return "".join({"init": "I", "key": "K", "delta": ".", "audio": "a"}[chunk.kind] for chunk in chunks)


def test_a_late_joiner_gets_everything_since_the_last_keyframe_at_once_and_goes_on() -> None:
    hub, made = LiveHub(), packets([0] * 50)
    feed(hub, made[:33])
    viewer = hub.join("door", "main")
    assert kinds(waiting(viewer)) == "IK" + "." * 12
    feed(hub, made[33:])
    assert kinds(waiting(viewer)) == "." * 7 + "K" + "." * 9


def test_who_joins_before_the_camera_waits_for_its_first_keyframe() -> None:
    hub, made = LiveHub(), packets([0] * 25)
    viewer = hub.join("door", "main")
    assert viewer.next(0) is None
    feed(hub, made[5:])
    assert kinds(waiting(viewer)) == "IK...."


def test_viewers_of_one_stream_share_the_bytes() -> None:
    hub, made = LiveHub(), packets([0] * 5)
    one, other = hub.join("door", "main"), hub.join("door", "main")
    feed(hub, made)
    assert all(a.data is b.data for a, b in zip(waiting(one), waiting(other), strict=True))


def test_a_slow_viewer_is_dropped_to_the_newest_gop() -> None:
    hub, made = LiveHub(), packets([0] * 65, group=20)
    viewer = hub.join("door", "main")
    feed(hub, made[:5])
    assert kinds(waiting(viewer)) == "IK...."
    feed(hub, made[5:])
    chunks = waiting(viewer)
    assert kinds(chunks) == "K...."
    assert chunks[0].lost == 55


def test_a_viewer_who_keeps_up_loses_nothing() -> None:
    hub, made = LiveHub(), packets([0] * 65, group=20)
    viewer = hub.join("door", "main")
    got = []
    for packet in made:
        hub.feed(packet)
        got += waiting(viewer)
    assert len(got) == 66
    assert all(chunk.lost == 0 for chunk in got)


def later(packet: Packet, count: int) -> Packet:
    """The same after `count` others, at ten a second."""
    ns = count * 100_000_000
    return replace(packet, number=packet.number + count, dts_ns=packet.dts_ns + ns, at=packet.at.shifted(ns))


def units(sizes: list[int], group: int) -> list[Unit]:
    muxer, first = Muxer(), packets([0])[0]
    step = 40_000_000
    made = [
        replace(first, data=first.data + bytes(size), key=i % group == 0, number=i, dts_ns=i * step,
                at=first.at.shifted(i * step))
        for i, size in enumerate(sizes)
    ]  # fmt: skip
    return [unit for packet in made if (unit := muxer.unit(packet)) is not None]


def test_a_gop_larger_than_the_queue_waits_for_the_next_keyframe() -> None:
    made = units([1000] * 30, 20)
    queue = UnitQueue(5 * made[0].size)
    queue.put(made)
    got = []
    while (found := queue.get()) is not None:
        got.append(found)
    assert sum(unit.size for unit, _ in got) <= 5 * made[0].size
    if got:
        assert got[0][0].kind == "key"
    assert sum(lost for _, lost in got) + len(got) <= 30


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 4000), min_size=1, max_size=60),
    st.integers(1, 12),
    st.integers(500, 20_000),
    st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_a_queue_is_bounded_counts_its_losses_and_goes_on_at_keyframes(
    sizes: list[int], group: int, most: int, takes: list[bool]
) -> None:
    made = units(sizes, group)
    queue = UnitQueue(most, behind_s=0.3)
    got: list[tuple[Unit, int]] = []
    for unit, take in zip(made, takes, strict=False):
        queue.put((unit,))
        assert queue.waiting_bytes <= most
        if take and (found := queue.get()) is not None:
            got.append(found)
    while (found := queue.get()) is not None:
        got.append(found)

    expected = 0
    for unit, lost in got:
        expected += lost
        assert unit.packet.number == expected
        assert lost == 0 or unit.kind == "key"
        expected += 1


def test_a_missing_packet_is_waited_out_and_the_ring_forgotten() -> None:
    hub, made = LiveHub(), packets([0] * 45)
    viewer = hub.join("door", "main")
    feed(hub, made[:25] + made[26:35])
    assert kinds(waiting(viewer))[-5:] == "K...."
    assert kinds(waiting(hub.join("door", "main"))) == ""
    feed(hub, made[35:])
    assert kinds(waiting(viewer)) == "K...."


def test_a_change_of_codec_gives_viewers_a_new_init_also_slow_ones() -> None:
    hub = LiveHub()
    small = packets([0] * 10)
    large = [later(p, 10) for p in packets([0] * 30, size=(256, 192))]
    slow, prompt = hub.join("door", "main"), hub.join("door", "main")
    feed(hub, small)
    assert kinds(waiting(prompt)) == "IK" + "." * 9
    feed(hub, large)
    assert kinds(waiting(prompt)).startswith("IK")
    assert kinds(waiting(slow)) == "IK" + "." * 9


def test_a_gop_too_large_to_keep_gives_a_late_joiner_the_next_keyframe() -> None:
    made = packets([0] * 45)
    hub = LiveHub(LiveOptions(ring_bytes=len(made[20].data) + 3 * len(made[21].data)))
    feed(hub, made[:35])
    viewer = hub.join("door", "main")
    assert waiting(viewer) == []
    feed(hub, made[35:42])
    assert kinds(waiting(viewer)) == "IK."


def test_cameras_and_streams_are_kept_apart() -> None:
    hub = LiveHub()
    viewer = hub.join("door", "main")
    feed(hub, packets([0] * 3, camera="yard") + packets([0] * 3, stream="sub"))
    assert waiting(viewer) == []


def test_closing_ends_waiting_in_another_thread() -> None:
    hub = LiveHub()
    viewer = hub.join("door", "main")
    got: list[Chunk | None] = []
    thread = threading.Thread(target=lambda: got.append(viewer.next(None)))
    thread.start()
    hub.close()
    thread.join(5)
    assert got == [None]
    assert viewer.closed
    viewer.close()
    feed(hub, packets([0] * 3))


def test_a_removed_camera_ends_its_viewers_only() -> None:
    hub = LiveHub()
    one, other = hub.join("door", "main"), hub.join("yard", "main")
    hub.forget("door")
    assert (one.closed, other.closed) == (True, False)


def test_asynchronous_viewers_get_everything_from_a_feeding_thread() -> None:
    hub, made = LiveHub(), packets([0] * 60)

    async def watch() -> list[Chunk]:
        viewer = hub.join("door", "main")

        def work() -> None:
            feed(hub, made)
            hub.close()

        thread = threading.Thread(target=work)
        thread.start()
        got = [chunk async for chunk in viewer]
        thread.join()
        return got

    chunks = asyncio.run(watch())
    assert chunks[0].kind == "init"
    assert chunks[-1].at == made[-1].at
    assert sum(chunk.kind != "init" for chunk in chunks) + sum(chunk.lost for chunk in chunks) == 60


def test_a_viewer_whose_loop_has_ended_does_not_disturb_the_feeder() -> None:
    hub = LiveHub()
    viewer = hub.join("door", "main")

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(viewer.__aiter__()), 0.01)

    asyncio.run(give_up())
    feed(hub, packets([0] * 3))
    assert kinds(waiting(viewer)) == "IK.."


def test_bare_units_for_webcodecs() -> None:
    hub = LiveHub()
    viewer = hub.join("door", "main", "units")
    feed(hub, packets([0] * 2))
    init, key, delta = waiting(viewer)
    assert [chunk.data[1] for chunk in (init, key, delta)] == [0, 1, 2]
    assert init.mime.startswith('video/mp4; codecs="avc1.')


def mjpeg(count: int, stream: str = "main") -> list[Packet]:
    import cv2  # noqa: PLC0415

    codec = Codec("mjpeg", b"", 128, 96)
    data = cv2.imencode(".jpg", np.full((96, 128, 3), 200, np.uint8))[1].tobytes()
    return [replace(p, data=data, codec=codec, key=True, stream=stream) for p in packets([0] * count)]


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_who_cannot_play_the_main_stream_gets_the_sub_stream_and_is_told() -> None:
    hub = LiveHub()
    feed(hub, mjpeg(3) + packets([0] * 3, stream="sub"))
    viewer = hub.join("door", "main")
    assert viewer.offer.stream == "sub"
    assert "sub stream" in viewer.offer.text
    assert hub.join("door", "main", accepts={"h264", "mjpeg"}).offer.text == ""


def test_without_a_sub_stream_one_encoder_serves_all_and_stops_with_the_last() -> None:
    hub = LiveHub()
    made = mjpeg(60)
    feed(hub, made[:3])
    first, second = hub.join("door", "main"), hub.join("door", "main", "units")
    assert first.offer.transcoded
    assert "H.264" in first.offer.text
    assert hub.encoding == 1
    feed(hub, made[3:30])
    init, key = first.next(10), first.next(10)
    assert init is not None
    assert key is not None
    assert (init.kind, key.kind) == ("init", "key")
    assert "avc1" in init.mime
    other = second.next(10)
    assert other is not None
    assert b'"codec":"avc1' in other.data
    first.close()
    assert hub.encoding == 1
    second.close()
    assert hub.encoding == 0
    eventually(lambda: all(thread.name != "transcoder" for thread in threading.enumerate()))
    feed(hub, made[30:])
    assert hub.join("door", "main").offer.transcoded
    hub.close()


def test_what_cannot_be_decoded_ends_its_viewers() -> None:
    hub = LiveHub()
    codec = Codec("no_such_codec", b"", 64, 48)
    feed(hub, [replace(packet, codec=codec) for packet in packets([0] * 3)])
    viewer = hub.join("door", "main")
    eventually(lambda: viewer.closed)
    hub.close()


def test_a_slow_viewer_never_slows_the_feeder_and_others_get_everything() -> None:
    hub = LiveHub(LiveOptions(queue_bytes=20_000))
    made = [packet for run in range(8) for packet in packets([run] * 60, run=run)]
    got: dict[str, list[Chunk]] = {"prompt": [], "slow": []}
    viewers = {name: hub.join("door", "main") for name in got}

    def watch(name: str, pause_s: float) -> None:
        while not viewers[name].closed:
            chunk = viewers[name].next(0.5)
            if chunk is not None:
                got[name].append(chunk)
                time.sleep(pause_s)

    threads = [threading.Thread(target=watch, args=each) for each in (("prompt", 0.0), ("slow", 0.02))]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    for index, packet in enumerate(made):
        hub.feed(packet)
        if index % 20 == 0:
            # Who comes and goes disturbs nobody.
            hub.join("door", "main").close()
            time.sleep(0.005)
    fed_s = time.monotonic() - begun
    eventually(lambda: got["prompt"][-1].at == made[-1].at)
    hub.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert fed_s < 5
    for name, chunks in got.items():
        pictures = [chunk for chunk in chunks if chunk.kind != "init"]
        assert all(chunk.kind == "key" for chunk in pictures if chunk.lost), name
    assert sum(chunk.lost for chunk in got["slow"]) > 0
