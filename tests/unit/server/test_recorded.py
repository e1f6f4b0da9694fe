import io
from dataclasses import replace

import av
import numpy as np
import pytest
from fastapi import FastAPI

from recorded_footage import START_NS, STORAGE, MemoryFiles, packets, record
from server_parts import FakeFindings, FakeRecordings, ask, server_parts
from vedette.clock import SimulatedClock
from vedette.model.news import FragmentWritten, SegmentBegun
from vedette.model.recording import Gap, Segment
from vedette.model.time import NS_PER_S, rfc3339
from vedette.server.app import create_app
from vedette.server.movies import KEPT_S
from vedette.server.parts import CameraFacts, ServerParts
from video_clips import number_in

LONG = "x" * 10_000
URL = "/api/v1/cameras/door/video.mp4"


def at(seconds: float) -> str:
    return rfc3339(START_NS + round(seconds * NS_PER_S))


def numbers(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data), "r") as film:
        return [number_in(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def recording() -> tuple[MemoryFiles, list[Segment]]:
    files = MemoryFiles()
    return files, record(files, packets(range(120)))


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START_NS + 12 * NS_PER_S)


@pytest.fixture
def parts(recording: tuple[MemoryFiles, list[Segment]], clock: SimulatedClock) -> ServerParts:
    files, segments = recording
    gap = Gap(1, "door", "main", START_NS + 20 * NS_PER_S, None, "camera_lost", "does not answer")
    return server_parts(
        clock=clock,
        cameras=(CameraFacts("door", "Door"),),
        recordings=FakeRecordings(segments, [gap]),
        files={STORAGE: files},
    )


@pytest.fixture
def app(parts: ServerParts) -> FastAPI:
    return create_app(parts)


def test_a_span_as_one_film(app: FastAPI) -> None:
    answer = ask(app, URL, params={"start": at(3), "end": at(8)})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["vedette-starts"] == at(3)
    assert answer.headers["content-disposition"] == 'inline; filename="door_2026-09-21T14-13-23Z.mp4"'
    shown = numbers(answer.content)
    assert shown[-50:] == list(range(30, 80))


def test_ranges_of_it_put_together_are_the_film(app: FastAPI) -> None:
    span = {"start": at(1), "end": at(9)}
    whole = ask(app, URL, params=span)
    pieces, begin = b"", 0
    while begin < len(whole.content):
        part = ask(app, URL, params=span, headers={"Range": f"bytes={begin}-{begin + 9999}"})
        assert part.status_code == 206
        assert part.headers["etag"] == whole.headers["etag"]
        pieces += part.content
        begin += len(part.content)
    assert pieces == whole.content


def test_head_and_what_cannot_be_had(app: FastAPI) -> None:
    span = {"start": at(1), "end": at(9)}
    whole, head = ask(app, URL, params=span), ask(app, URL, method="HEAD", params=span)
    assert head.content == b""
    assert head.headers["content-length"] == whole.headers["content-length"]
    beyond = ask(app, URL, params=span, headers={"Range": f"bytes={len(whole.content)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-type"] == "application/problem+json"
    same = ask(app, URL, params=span, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_the_file_being_written_is_in_it(parts: ServerParts, recording: tuple[MemoryFiles, list[Segment]]) -> None:
    segments = recording[1]
    last = segments[-1]
    parts = replace(parts, footage=replace(parts.footage, recordings=FakeRecordings(segments[:-1])))
    app = create_app(parts)
    before = ask(app, URL, params={"start": at(0)})
    parts.footage.open_files.take(SegmentBegun(replace(last, fragments=())))
    for fragment in last.fragments[:2]:
        parts.footage.open_files.take(FragmentWritten(last.id, "door", "main", fragment))
    after = ask(app, URL, params={"start": at(0)})
    written = sum(fragment.duration_ns for fragment in last.fragments[:2]) * 10 // NS_PER_S
    assert len(numbers(after.content)) == len(numbers(before.content)) + written


def test_a_film_does_not_grow_under_a_player(parts: ServerParts, recording: tuple[MemoryFiles, list[Segment]]) -> None:
    segments = recording[1]
    last = segments[-1]
    clock = parts.clock
    assert isinstance(clock, SimulatedClock)
    parts = replace(parts, footage=replace(parts.footage, recordings=FakeRecordings(segments[:-1])))
    app = create_app(parts)

    def asked(range_: str) -> tuple[str, str]:
        answer = ask(app, URL, params={"start": at(0), "end": at(12)}, headers={"Range": range_})
        return answer.headers["etag"], answer.headers["content-range"].rpartition("/")[2]

    first = asked("bytes=0-")
    parts.footage.open_files.take(SegmentBegun(last))
    assert asked("bytes=100-") == first
    assert asked("bytes=0-") != first
    clock.advance(KEPT_S + 1)
    again = asked("bytes=100-")
    assert again != first


def test_where_nothing_was_recorded_the_reason_is_told(app: FastAPI, clock: SimulatedClock) -> None:
    clock.advance(60)
    answer = ask(app, URL, params={"start": at(25), "end": at(30)})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "nothing was recorded in that time: camera lost (does not answer)"


def test_a_file_that_has_gone_and_a_disk_that_has_gone(app: FastAPI, parts: ServerParts) -> None:
    span = {"start": at(1), "end": at(9)}
    size = int(ask(app, URL, method="HEAD", params=span).headers["content-length"])
    far = {"Range": f"bytes={size - 100}-"}
    empty = replace(parts, footage=replace(parts.footage, files={STORAGE: MemoryFiles()}))
    assert ask(create_app(empty), URL, params=span, headers=far).status_code == 410
    gone = replace(parts, footage=replace(parts.footage, files={}))
    answer = ask(create_app(gone), URL, params=span, headers=far)
    assert answer.status_code == 503
    assert "storage folder that is not connected" in answer.json()["detail"]


@pytest.mark.parametrize(
    "params",
    [{}, {"start": at(5), "end": at(5)}, {"start": at(8), "end": at(3)}, {"start": at(99)},
     {"start": at(0), "stream": "sub"}, {"start": at(0), "stream": LONG}, {"start": at(-90_000)}, {"start": "NaN"}],
)  # fmt: skip
def test_nonsense(app: FastAPI, params: dict[str, str]) -> None:
    answer = ask(app, URL, params=params)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_time_line_joins_what_belongs_together_up_to_the_present(parts: ServerParts, clock: SimulatedClock) -> None:
    segments = list(parts.footage.recordings.between("door", "main", 0, 1 << 62))
    recordings = FakeRecordings(segments[:1], [Gap(1, "door", "main", START_NS + 8 * NS_PER_S, None, "schedule")])
    parts = replace(
        parts, timelines=recordings, footage=replace(parts.footage, recordings=recordings), findings=_Steps()
    )
    parts.footage.open_files.take(SegmentBegun(segments[1]))
    answer = ask(create_app(parts), "/api/v1/cameras/door/timeline", params={"start": at(-60), "end": at(60)})
    assert answer.json() == {
        "camera": "door", "stream": "main", "start": at(-60), "end": at(60), "resolution": 1.0,
        "recorded": [{"start": at(0), "end": at(12)}],
        "gaps": [{"start": at(8), "end": None, "reason": "schedule", "text": "", "wanted": True}],
        "counts": [{"start": at(-50), "events": 3, "alarms": 1}],
    }  # fmt: skip
    day = ask(create_app(parts), "/api/v1/cameras/door/timeline").json()
    assert (day["end"], day["resolution"]) == (rfc3339(clock.utc_ns()), 300.0)


class _Steps(FakeFindings):
    """Findings with one step that holds events."""

    def counts(self, camera: str, start_utc_ns: int, end_utc_ns: int, step_ns: int) -> list[tuple[int, int, int]]:
        assert (camera, end_utc_ns > start_utc_ns) == ("door", True)
        return [(start_utc_ns + 10 * step_ns, 3, 1)]
