"""The built-in page in a real browser: cameras send clips whose every frame carries its number."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from live_feed import Feed, clip_packets
from recorded_footage import STORAGE, MemoryFiles, record
from running_server import serving
from server_parts import FakeFindings, FakeRecordings, server_parts
from vedette.clock import SystemClock
from vedette.model.health import Alarm, Health
from vedette.model.incidents import Incident
from vedette.model.media import Packet
from vedette.model.news import AlarmChanged, HealthChanged, News
from vedette.model.recording import Gap
from vedette.model.time import NS_PER_S
from vedette.server.board import Board
from vedette.server.parts import CameraFacts
from vedette.simulator.cameras.clips import make_clip

FPS = 25
SIZE = (640, 360)

READ_FRAMES = """
(selector) => {
  const video = document.querySelector(selector), seen = window.seen = [];
  const canvas = document.createElement('canvas'), pen = canvas.getContext('2d', {willReadFrequently: true});
  const cells = 24;
  canvas.width = 480; canvas.height = 8;
  const look = () => {
    pen.drawImage(video, 0, video.videoHeight / 64, video.videoWidth, video.videoHeight / 32, 0, 0, 480, 8);
    const data = pen.getImageData(0, 4, 480, 1).data;
    let code = 0;
    for (let cell = 0; cell < cells; cell++) code = code * 2 + (data[(cell * 20 + 10) * 4] > 127 ? 1 : 0);
    let check = 0, number = code >> 4;
    for (let shift = 0; shift < 20; shift += 4) check += number >> shift & 15;
    const good = ((check & 15) ^ 10) === (code & 15);
    seen.push([good ? number : -1, (performance.timeOrigin + performance.now()) / 1000]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}
"""


@dataclass(frozen=True)
class Site:
    """A running server, what its cameras send, and its address."""

    url: str
    feed: Feed
    frames: int
    board: Board


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium is installed")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=options)
        yield started
        started.close()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Packet]]:
    folder = tmp_path_factory.mktemp("clips")
    main = make_clip(folder, seconds=8, fps=FPS, size=SIZE, gop_s=2, bitrate=800_000)
    other = make_clip(folder, seconds=4, fps=FPS, size=(320, 180), gop_s=1, bitrate=300_000)
    return {"gate": clip_packets(main, "gate"), "yard": clip_packets(other, "yard")}


@pytest.fixture
def site(clips: dict[str, list[Packet]]) -> Iterator[Site]:
    """Two cameras that send, one that is lost; ten recorded minutes; incidents and an alarm."""
    clock = SystemClock()
    now = clock.utc_ns()
    files, recordings = MemoryFiles(), FakeRecordings()
    for number, minutes in enumerate((600, 300, 1), 1):
        start = now - minutes * 60 * NS_PER_S
        shown = [replace(one, at=replace(one.at, utc_ns=start + one.at.stream_ns), run=number) for one in clips["gate"]]
        recordings.segments = [*recordings.segments, *record(files, shown, first_id=number * 100)]
    hour = 3600 * NS_PER_S
    recordings.holes = [
        Gap(1, "gate", "main", now - 9 * hour, now - 8 * hour, "camera_lost", "does not answer"),
        Gap(2, "gate", "main", now - 4 * hour, now - 2 * hour, "schedule"),
    ]
    findings = FakeFindings(
        known=[
            Incident(1, "gate", now - 2 * hour, now - hour, now, "alert", ("gate",), ("person",), 3),
            Incident(2, "yard", now - hour, now - hour, now, "alarm", ("fence",), ("person",), 1),
        ],
        steps=[(now - 10 * hour, 4, 1), (now - 5 * hour, 2, 0)],
    )
    news: list[News] = [
        HealthChanged(Health("camera:gate:main", "ok", now)),
        HealthChanged(Health("camera:yard:main", "ok", now)),
        HealthChanged(Health("camera:dock:main", "failed", now, "the password is wrong: correct it in vedette.yaml")),
        AlarmChanged(Alarm("storage_soon_full", "storage:1f", "the disk will be full in 3 hours: add a folder", now)),
    ]
    parts = server_parts(
        clock=clock,
        cameras=tuple(CameraFacts(name, name.title()) for name in ("gate", "yard", "dock")),
        recordings=recordings,
        files={STORAGE: files},
        findings=findings,
    )
    feed = Feed(clips["gate"], clips["yard"], fps=FPS, news=news)
    with serving(parts, arrivals=feed) as (port, _):
        yield Site(f"http://127.0.0.1:{port}", feed, len(clips["gate"]), parts.board)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may break neither its policy nor anything else; answers that are errors are no fault of it."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    faults: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            faults.append(message.text)

    opened.on("console", hear)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    opened.close()
    assert faults == []


def read_frames(page: Page, selector: str) -> None:
    """Have the page note the number of every frame that is shown from now on."""
    page.wait_for_selector(selector)
    page.evaluate(READ_FRAMES, selector)


def seen_frames(page: Page, least: int, timeout_s: float = 10) -> list[tuple[int, float]]:
    """Numbers of the frames that were shown, and when."""
    page.wait_for_function("least => window.seen.length >= least", arg=least, timeout=timeout_s * 1000, polling=50)
    rows: list[tuple[int, float]] = [(int(n), at) for n, at in page.evaluate("window.seen")]
    return rows


def latencies(site: Site, rows: list[tuple[int, float]]) -> list[float]:
    """Seconds from when a frame was sent to when it was seen."""
    sent = site.feed.sent["gate", "main"]
    found = []
    for number, at in rows:
        ticks = [tick for tick in range(number, len(sent), site.frames) if sent[tick] <= at]
        if number >= 0 and ticks:
            found.append(at - sent[ticks[-1]])
    return found


def test_the_page_shows_moving_pictures_within_two_seconds(site: Site, page: Page) -> None:
    took = []
    for _ in range(3):  # other tests run at the same time: the quickest of three says what it takes
        time.sleep(0.7)  # somewhere in a group of pictures: whoever joins does not wait for the next keyframe
        start = time.monotonic()
        page.goto(site.url)
        read_frames(page, ".card video")
        rows = seen_frames(page, 3)
        took.append(time.monotonic() - start)
        assert len({number for number, _ in rows}) >= 2
        assert all(number >= 0 for number, _ in rows)
    assert min(took) < 2.0


@pytest.mark.slow
def test_glass_to_glass_latency(site: Site, page: Page) -> None:
    page.goto(site.url)
    read_frames(page, ".card video")
    found = latencies(site, seen_frames(page, 75)[25:])
    assert len(found) >= 45
    assert statistics.median(found) < 0.8  # 0.2 with a processor of its own; here others test beside it


@pytest.mark.slow
def test_a_viewer_that_reads_nothing_slows_nobody(site: Site, page: Page) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.sendall(
            f"GET /api/v1/cameras/gate/live HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Protocol: vedette.fmp4\r\n\r\n".encode()
        )
        page.goto(site.url)
        read_frames(page, ".card video")
        rows = seen_frames(page, 75)[25:]
        assert statistics.median(latencies(site, rows)) < 0.8


@pytest.mark.slow
def test_health_alarms_and_incidents_are_there_and_nothing_overflows(site: Site, page: Page, tmp_path: Path) -> None:
    shots = Path(os.environ.get("VEDETTE_SCREENSHOTS", tmp_path))
    page.goto(site.url)
    page.wait_for_function("() => document.querySelectorAll('.bar i').length > 4")
    page.wait_for_function("() => document.querySelectorAll('#incidents li').length == 2")
    assert page.locator("#alarms").inner_text().endswith("the disk will be full in 3 hours: add a folder")
    assert page.locator(".card").nth(2).inner_text().count("the password is wrong")
    page.wait_for_selector("text=no picture has come from this camera yet")
    for name, width, height in (("desktop", 1280, 900), ("phone", 360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=shots / f"{name}.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=shots / "phone-dark.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator(".card .picture").first.click()
    page.wait_for_timeout(300)
    page.screenshot(path=shots / "desktop-dark-large.png", full_page=True)


def test_a_click_on_the_time_line_plays_that_moment(site: Site, page: Page, tmp_path: Path) -> None:
    shots = Path(os.environ.get("VEDETTE_SCREENSHOTS", tmp_path))
    page.goto(site.url)
    page.wait_for_function("() => document.querySelectorAll('.bar i.recorded').length >= 3")
    bar = page.locator(".bar").first
    box = bar.bounding_box()
    assert box is not None
    bar.click(position={"x": box["width"] * (1 - 300 / 1440) - 2, "y": 5})
    read_frames(page, "#player video")
    rows = seen_frames(page, 30)
    assert {number for number, _ in rows} & set(range(10, 60))
    page.screenshot(path=shots / "player.png")
    page.keyboard.press("Escape")
    assert not page.locator("#player").is_visible()


def test_h265_is_shown_to_a_browser_that_cannot_play_it_and_it_is_told(page: Page, tmp_path: Path) -> None:
    clip = make_clip(tmp_path, seconds=4, fps=FPS, size=(320, 180), gop_s=1, bitrate=300_000, codec="hevc")
    parts = server_parts(clock=SystemClock(), cameras=(CameraFacts("gate", "Gate"),))
    feed = Feed(clip_packets(clip, "gate"), fps=FPS)
    with serving(parts, arrivals=feed) as (port, _):
        page.goto(f"http://127.0.0.1:{port}")
        read_frames(page, ".card video")
        rows = seen_frames(page, 30)
        assert len({number for number, _ in rows if number >= 0}) > 20
        assert "encoded anew as H.264" in page.locator(".note").inner_text()
        assert parts.live.encoding() == 1


def test_a_moment_without_footage_says_why(site: Site, page: Page) -> None:
    page.goto(site.url)
    page.wait_for_function("() => document.querySelectorAll('.bar i.gap').length > 0")
    bar = page.locator(".bar").first
    box = bar.bounding_box()
    assert box is not None
    bar.click(position={"x": box["width"] * (1 - 8.5 / 24), "y": 5})
    page.wait_for_function("() => document.querySelector('#player p').textContent.includes('camera lost')")


def test_news_reach_the_page(site: Site, page: Page) -> None:
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(str(data)[:200])))
    page.goto(site.url)
    page.wait_for_function("() => document.querySelectorAll('#incidents li').length == 2")
    text = "the disk is full: nothing is recorded"
    site.board.take(AlarmChanged(Alarm("storage_full", "storage:1f", text, SystemClock().utc_ns())))
    page.wait_for_selector(f"text={text}", timeout=15_000)
    assert any("storage_full" in frame for frame in frames)
