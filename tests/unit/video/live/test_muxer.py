from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from recorded_footage import packets, sound
from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S
from vedette.video.live.muxer import UNIT, Init, Muxer, Unit, codec_string, framed
from vedette.video.mp4.fragments import read_runs, wall_time
from vedette.video.mp4.parameter_sets import nal_units, parameter_sets
from video_clips import make_clip, number_in


def muxed(made: list[Packet], muxer: Muxer | None = None) -> list[Unit]:
    muxer = muxer or Muxer()
    return [unit for packet in made if (unit := muxer.unit(packet)) is not None]


def played(units: list[Unit]) -> list[int]:
    """Numbers of the pictures that FFmpeg sees in what a browser is sent."""
    data = units[0].init.header + b"".join(unit.mp4 for unit in units)
    with av.open(io.BytesIO(data), "r") as container:
        return [number_in(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]  # type: ignore[arg-type]


def test_every_frame_is_a_fragment_that_can_be_played() -> None:
    units = muxed(packets(range(30)))
    assert played(units) == list(range(30))
    assert [unit.kind for unit in units[:2]] == ["key", "delta"]
    assert {unit.step_ns for unit in units[1:]} == {NS_PER_S // 10}


def test_fragments_carry_the_capture_time() -> None:
    units = muxed(packets(range(3)))
    assert [wall_time(unit.mp4) for unit in units] == [pytest.approx(unit.packet.at.utc_ns, abs=2) for unit in units]


def test_a_late_joiner_starts_at_a_keyframe() -> None:
    units = muxed(packets(range(60)))
    assert played(units[20:]) == list(range(20, 60))


def test_pictures_before_the_first_keyframe_are_left_out() -> None:
    muxer = Muxer()
    assert next(iter(muxed(packets([0] * 30)[5:], muxer))).packet.number == 20
    assert muxer.lost == 15


def test_after_a_missing_packet_the_next_keyframe_is_waited_for() -> None:
    made = packets([0] * 45)
    muxer = Muxer()
    kept = [unit.packet.number for unit in muxed(made[:25] + made[26:], muxer)]
    assert kept == [*range(25), *range(40, 45)]
    assert muxer.lost == 14


def test_packets_without_numbers_are_not_missed() -> None:
    assert len(muxed([replace(packet, number=0) for packet in packets([0] * 10)])) == 10


def test_the_time_line_goes_on_over_a_new_run() -> None:
    made = packets(range(10), run=1) + packets(range(10), run=2)
    units = muxed(made)
    steps = {later.dts_ns - earlier.dts_ns for earlier, later in pairwise(units)}
    assert len(units) == 20
    assert steps == {NS_PER_S // 10}


def test_decoding_times_before_0_and_reordered_pictures_keep_their_places() -> None:
    first, second, third = packets([0] * 3)
    made = [
        replace(first, dts_ns=-200_000_000),
        replace(second, dts_ns=-100_000_000, at=second.at.shifted(100_000_000)),
        replace(third, dts_ns=0, at=third.at.shifted(-100_000_000)),
    ]
    units = muxed(made)
    samples = [read_runs(unit.mp4)[1].samples[0] for unit in units]
    assert [later.time - earlier.time for earlier, later in pairwise(samples)] == [9000, 9000]
    assert [sample.offset for sample in samples] == [18000, 27000, 9000]


def test_a_new_size_is_a_new_init_and_starts_at_its_keyframe() -> None:
    small = packets(range(10))
    large = [replace(p, number=p.number + 10) for p in packets(range(10), size=(256, 192))]
    units = muxed(small + large)
    assert [unit.init.codec.width for unit in units] == [128] * 10 + [256] * 10
    assert len({id(unit.init) for unit in units}) == 2
    lost = muxed(small + [replace(packet, key=False) for packet in large])
    assert len(lost) == 10


def test_parameter_sets_are_found_wherever_they_are() -> None:
    made = packets(range(25))
    sets = made[0].codec.extradata
    bare = [
        replace(each, data=b"".join(b"\x00\x00\x00\x01" + unit for unit in nal_units(each.data) if unit[0] & 31 < 6))
        for each in made
    ]
    unknown = [replace(each, codec=Codec("h264", b"", 128, 96)) for each in made]
    assert played(muxed(bare)) == played(muxed(unknown)) == list(range(25))
    assert muxed(unknown)[0].init.codec.extradata == sets
    assert parameter_sets(muxed(bare)[20].bare, "h264") == sets
    told_once = unknown[:1] + [replace(a, codec=b.codec) for a, b in zip(bare[1:], unknown[1:], strict=True)]
    assert len({id(unit.init) for unit in muxed(told_once)}) == 1


def test_sound_joins_at_a_keyframe_and_leaves_when_it_ends() -> None:
    made = packets([0] * 200, group=10)
    heard = sound(made[:50])
    mixed = [
        replace(packet, number=number)
        for number, packet in enumerate(sorted([*made, *heard], key=lambda each: each.dts_ns))
    ]
    units = muxed(mixed)
    inits = list(dict.fromkeys(id(unit.init) for unit in units))
    assert [next(u.init.audio for u in units if id(u.init) == each) for each in inits] == [None, heard[0].codec, None]
    assert "mp4a.40.2" in next(unit.init.mime for unit in units if unit.kind == "audio")
    assert read_runs(next(unit.mp4 for unit in units if unit.kind == "audio")).keys() == {2}


def test_sound_that_browsers_do_not_play_is_left_out() -> None:
    made = packets([0] * 3)
    other = replace(made[0], codec=Codec("pcm_alaw", rate=8000, channels=1), number=3)
    assert all(unit.kind != "audio" for unit in muxed([*made, other]))


def test_mime_types_name_profile_and_level(tmp_path: Path) -> None:
    init = muxed(packets([0]))[0].init
    sps = next(unit for unit in nal_units(init.codec.extradata) if unit[0] & 31 == 7)
    assert init.mime == f'video/mp4; codecs="avc1.{sps[1:4].hex()}"'
    path = make_clip(tmp_path / "a.ts", "libx265", frames=3)
    with av.open(str(path), "r") as container:
        context = container.streams.video[0].codec_context
        hevc = Codec("hevc", bytes(context.extradata or b""), context.width, context.height)
    if not hevc.extradata.startswith(b"\x00\x00"):
        pytest.fail("this container does not say its parameter sets in Annex B")
    assert codec_string(hevc).startswith("hvc1.1.6.L30.")
    assert Init(Codec("mjpeg", b"", 64, 48)).mime == ""
    assert codec_string(Codec("h264", b"\x00\x00\x00\x01\x67", 64, 48)) == ""


def test_bare_units_say_what_they_are() -> None:
    unit = muxed(packets([0]))[0]
    message = framed(unit.kind, unit.bare, 7, unit.packet.at.utc_ns, unit.pts_ns)
    assert UNIT.unpack_from(message) == (1, 1, 0, 7, unit.packet.at.utc_ns, unit.pts_ns)
    assert message[UNIT.size :] == unit.packet.data
    config = json.loads(unit.init.config)
    assert (config["codedWidth"], config["codedHeight"]) == (128, 96)
    assert config["codec"].startswith("avc1.")
