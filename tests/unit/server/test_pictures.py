import re

import cv2
import numpy as np
import pytest
from fastapi import FastAPI

from recorded_footage import START_NS, STORAGE, MemoryFiles, packets, record
from server_parts import FakeRecordings, ask, server_parts
from vedette.clock import SimulatedClock
from vedette.model.time import NS_PER_S, rfc3339
from vedette.server.app import create_app
from vedette.server.parts import CameraFacts
from video_clips import number_in

DOOR = "/api/v1/cameras/door"


def at(seconds: float) -> str:
    return rfc3339(START_NS + round(seconds * NS_PER_S))


@pytest.fixture(scope="module")
def app() -> FastAPI:
    files = MemoryFiles()
    segments = record(files, packets(range(120)))
    return create_app(
        server_parts(
            clock=SimulatedClock(START_NS + 12 * NS_PER_S),
            cameras=(CameraFacts("door", "Door"), CameraFacts("yard", "Yard")),
            recordings=FakeRecordings(segments),
            files={STORAGE: files},
        )
    )


def opened(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_the_picture_of_a_moment_to_the_frame(app: FastAPI) -> None:
    answer = ask(app, f"{DOOR}/snapshot.jpg", params={"at": at(4.75)})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["vedette-captured"] == at(4.7)
    assert number_in(opened(answer.content)) == 47


def test_the_newest_picture_and_a_smaller_one(app: FastAPI) -> None:
    assert number_in(opened(ask(app, f"{DOOR}/snapshot.jpg").content)) == 119
    assert opened(ask(app, f"{DOOR}/snapshot.jpg", params={"width": 64}).content).shape == (48, 64, 3)


@pytest.mark.parametrize("moment", [-1.0, 40.0])
def test_no_picture_is_better_than_an_old_one(app: FastAPI, moment: float) -> None:
    assert ask(app, f"{DOOR}/snapshot.jpg", params={"at": at(moment)}).status_code == 404


def test_a_sheet_of_small_pictures(app: FastAPI) -> None:
    asked = {"start": at(0), "interval": 2, "columns": 3, "rows": 2, "width": 64}
    image = opened(ask(app, f"{DOOR}/preview.jpg", params=asked).content)
    assert image.shape == (72, 192, 3)
    assert image[:36, 64:128].max() > 200


@pytest.mark.parametrize(
    "params",
    [
        {"at": "NaN"}, {"at": ""}, {"at": at(0), "width": "15"}, {"at": at(0), "width": "7681"}, {"width": "-1"},
        {"at": at(0), "stream": "sub"}, {"width": "1e3"}, {"at": "x" * 10_000},
    ],
)  # fmt: skip
def test_nonsense_about_one_picture(app: FastAPI, params: dict[str, str]) -> None:
    assert ask(app, f"{DOOR}/snapshot.jpg", params=params).status_code == 422


@pytest.mark.parametrize(
    "params",
    [
        {}, {"start": "x"}, {"interval": "0"}, {"interval": "nan"}, {"interval": "inf"}, {"interval": "-5"},
        {"columns": "0"}, {"columns": "401"}, {"columns": "30", "rows": "30"}, {"rows": "-1"}, {"width": "31"},
        {"width": "9" * 5000},
        {"columns": "20", "rows": "20", "width": "640"}, {"columns": "100", "interval": "3600"},
    ],
)  # fmt: skip
def test_nonsense_about_many_pictures(app: FastAPI, params: dict[str, str]) -> None:
    start = {} if not params or "start" in params else {"start": at(0)}
    assert ask(app, f"{DOOR}/preview.jpg", params={**start, **params}).status_code == 422


def test_a_playlist_leads_to_a_header_and_to_media(app: FastAPI) -> None:
    answer = ask(app, f"{DOOR}/hls.m3u8", params={"start": at(1), "end": at(11)})
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    lines = answer.text.splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-1] == "#EXT-X-ENDLIST"
    found = re.search(r'#EXT-X-MAP:URI="([^"]+)"', answer.text)
    assert found is not None
    header = ask(app, f"{DOOR}/{found[1]}")
    assert header.content[4:8] == b"ftyp"
    assert "immutable" in header.headers["cache-control"]
    media = [ask(app, f"{DOOR}/{line}") for line in lines if not line.startswith("#")]
    assert len(media) >= 2
    assert all(one.status_code == 200 and b"moof" in one.content[:80] for one in media)


def test_a_playlist_without_an_end_goes_on(app: FastAPI) -> None:
    text = ask(app, f"{DOOR}/hls.m3u8", params={"start": at(1)}).text
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in text
    assert "#EXT-X-ENDLIST" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hls/99/init.mp4", 404), ("/hls/x/init.mp4", 422), ("/hls/-1/init.mp4", 422), ("/hls/../init.mp4", 404),
        (f"/hls/{'9' * 19}/init.mp4", 404), (f"/hls/{'9' * 20}/init.mp4", 422), ("/hls/1/0-0.m4s", 422),
        ("/hls/1/-1-1.m4s", 422), ("/hls/1/0-1001.m4s", 422), ("/hls/1/50-5.m4s", 410), ("/hls/1/a-b.m4s", 422),
        ("/hls.m3u8", 422),
    ],
)  # fmt: skip
def test_media_that_is_not_there(app: FastAPI, path: str, status: int) -> None:
    answer = ask(app, DOOR + path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_media_of_another_camera_is_not_given_out(app: FastAPI) -> None:
    assert ask(app, "/api/v1/cameras/door/hls/1/init.mp4").status_code == 200
    assert ask(app, "/api/v1/cameras/yard/hls/1/init.mp4").status_code == 404
    assert ask(app, "/api/v1/cameras/yard/hls/1/0-1.m4s").status_code == 404
