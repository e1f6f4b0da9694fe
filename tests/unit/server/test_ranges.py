import asyncio
from collections.abc import Iterator

import pytest
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from vedette.model.errors import StorageGone
from vedette.server.problems import Problem
from vedette.server.ranges import Body, begins, respond, wanted

DATA = bytes(range(100))


def read(start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, 7):
        yield DATA[at : min(at + 7, stop)]


BODY = Body(100, "tag", "video/mp4", read)


def request(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw})


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-", (0, 100)), ("bytes=0-0", (0, 1)), ("bytes=99-", (99, 100)), ("bytes=90-500", (90, 100)),
        ("bytes=-1", (99, 100)), ("bytes=-500", (0, 100)), ("bytes=10-19", (10, 20)),
        ("bytes=0-999999999999999999", (0, 100)),
        (None, None), ("", None), ("bytes=-", None), ("bytes=20-10", None), ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("items=0-1", None), ("bytes=--1", None), ("bytes=-1-2", None), ("bytes=0-" + "9" * 10_000, None),
        ("bytes=\u0661-", None), ("bytes= 0-1", None),
    ],
)  # fmt: skip
def test_ranges(header: str | None, span: tuple[int, int] | None) -> None:
    assert wanted(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999-"])
def test_ranges_of_which_nothing_is_there(header: str) -> None:
    with pytest.raises(Problem) as caught:
        wanted(header, 100)
    assert caught.value.status == 416
    assert caught.value.headers == {"Content-Range": "bytes */100"}


@pytest.mark.parametrize(
    ("header", "first"),
    [(None, True), ("bytes=0-", True), ("bytes=0-5", True), ("bytes=5-", False), ("bytes=-5", False)],
)
def test_what_a_player_asks_first(header: str | None, first: bool) -> None:
    assert begins(header) is first


def content(answer: Response) -> bytes:
    assert isinstance(answer, StreamingResponse)

    async def gathered() -> bytes:
        return b"".join([bytes(piece) async for piece in answer.body_iterator])  # type: ignore[arg-type]

    return asyncio.run(gathered())


def test_all_of_it_and_a_part() -> None:
    whole, part = respond(request(), BODY, {}), respond(request(range="bytes=50-59"), BODY, {})
    assert (whole.status_code, whole.headers["content-length"], content(whole)) == (200, "100", DATA)
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 50-59/100")
    assert (part.headers["content-length"], content(part)) == ("10", DATA[50:60])


def test_head_says_the_same_without_reading_anything() -> None:
    def never(start: int, stop: int) -> Iterator[bytes]:
        raise AssertionError((start, stop))

    body = Body(100, "tag", "video/mp4", never)
    answer = respond(request("HEAD", range="bytes=50-59"), body, {})
    assert (answer.status_code, answer.headers["content-length"], answer.body) == (206, "10", b"")


def test_who_has_it_already_gets_nothing_and_a_changed_one_whole() -> None:
    assert respond(request(if_none_match='"other", W/"tag"'), BODY, {}).status_code == 304
    assert respond(request(range="bytes=5-6", if_range='"tag"'), BODY, {}).status_code == 206
    assert respond(request(range="bytes=5-6", if_range='"old"'), BODY, {}).status_code == 200
    assert respond(request(range="bytes=500-", if_range='"old"'), BODY, {}).status_code == 200


def test_footage_that_is_gone_at_once_is_an_error_and_later_an_end() -> None:
    def gone(start: int, stop: int) -> Iterator[bytes]:
        if start < 50:
            yield DATA[start : min(stop, 50)]
        raise StorageGone("the disk is gone")

    body = Body(100, "tag", "video/mp4", gone)
    with pytest.raises(StorageGone):
        respond(request(range="bytes=60-"), body, {})
    assert content(respond(request(), body, {})) == DATA[:50]
