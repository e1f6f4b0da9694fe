import math
import re

import pytest

from server_parts import FakeFindings, ask, server_parts
from vedette.clock import SimulatedClock
from vedette.model.health import Alarm, Health
from vedette.model.news import AlarmChanged, GapChanged, HealthChanged, News
from vedette.model.recording import Gap
from vedette.server.app import create_app
from vedette.server.board import SILENT_S, Board
from vedette.server.parts import ServerParts

NOW = 1_700_000_000_000_000_000


def health(part: str, state: str = "ok", text: str = "", **figures: float) -> HealthChanged:
    return HealthChanged(Health(part, state, NOW, text, figures))  # type: ignore[arg-type]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def parts(clock: SimulatedClock) -> ServerParts:
    return server_parts(clock=clock)


def test_health_is_the_worst_of_all_parts(parts: ServerParts) -> None:
    app = create_app(parts)
    assert ask(app, "/api/v1/health").json() == {"state": "starting", "parts": []}
    parts.board.take(health("recorder", lag_s=0.2))
    assert ask(app, "/api/v1/health").json()["state"] == "ok"
    parts.board.take(health("camera:gate:main", "degraded", "the password is wrong", fps=math.nan, packets_total=7))
    found = ask(app, "/api/v1/health").json()
    assert found["state"] == "degraded"
    assert found["parts"][0] == {
        "part": "camera:gate:main", "state": "degraded", "at": "2023-11-14T22:13:20.000Z",
        "text": "the password is wrong", "figures": {"packets_total": 7},
    }  # fmt: skip


def test_a_part_that_falls_silent_counts_as_failed_unless_it_is_off(parts: ServerParts, clock: SimulatedClock) -> None:
    parts.board.take(health("recorder"))
    parts.board.take(health("analysis:yard", "off"))
    clock.advance(SILENT_S + 1)
    states = {one.part: (one.state, one.text) for one in parts.board.health()}
    assert states == {"recorder": ("failed", "has given no sign of life for 16 s"), "analysis:yard": ("off", "")}
    parts.board.take(health("recorder"))
    assert parts.board.health_of("recorder") == health("recorder").health


def test_a_step_of_the_wall_clock_makes_nobody_silent(parts: ServerParts, clock: SimulatedClock) -> None:
    parts.board.take(health("recorder"))
    clock.step(3600)
    assert [one.state for one in parts.board.health()] == ["ok"]


def test_alarms_open_first_and_cleared_ones_once(parts: ServerParts) -> None:
    def tell(kind: str, raised: int, cleared: int | None = None) -> None:
        parts.board.take(AlarmChanged(Alarm(kind, "disk", "full", raised, cleared)))  # type: ignore[arg-type]

    tell("storage_full", NOW)
    tell("camera_lost", NOW + 10**9)
    tell("storage_full", NOW, NOW + 2 * 10**9)
    tell("storage_full", NOW, NOW + 2 * 10**9)
    found = ask(create_app(parts), "/api/v1/alarms").json()["alarms"]
    assert [(one["kind"], one["cleared"]) for one in found] == [
        ("camera_lost", None),
        ("storage_full", "2023-11-14T22:13:22.000Z"),
    ]
    tell("storage_full", NOW + 3 * 10**9)
    assert [one.kind for one in parts.board.alarms()] == ["storage_full", "camera_lost", "storage_full"]


def test_the_board_forgets_nothing_that_lasts_and_does_not_grow_for_ever(clock: SimulatedClock) -> None:
    board = Board(clock)
    for number in range(6000):
        board.take(health(f"camera:c{number}:main"))
        board.take(AlarmChanged(Alarm("camera_lost", f"c{number}", "", NOW + number, NOW + number)))
    assert len(board.health()) == 4096
    assert len(board.alarms()) == 100


def test_listeners_hear_everything_until_they_end(clock: SimulatedClock) -> None:
    board = Board(clock)
    heard: list[News] = []
    end = board.listen(heard.append)
    gap = GapChanged(Gap(1, "gate", "main", NOW, None, "camera_lost"))
    board.take(gap)
    end()
    end()
    board.take(gap)
    assert heard == [gap]


def test_alive_and_ready(parts: ServerParts, clock: SimulatedClock) -> None:
    app = create_app(parts)
    assert ask(app, "/healthz").json() == {"status": "ok"}
    answer = ask(app, "/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"ready": False, "checks": {"database": "ok", "recorder": "failed"}},
    )
    parts.board.take(health("recorder"))
    assert ask(app, "/readyz").json() == {"ready": True, "checks": {"database": "ok", "recorder": "ok"}}
    clock.advance(31)
    assert ask(app, "/readyz").status_code == 503


def test_not_ready_without_the_database_and_its_errors_are_problems(clock: SimulatedClock) -> None:
    app = create_app(server_parts(clock=clock, findings=FakeFindings(broken=True)))
    assert ask(app, "/readyz").json()["checks"]["database"] == "failed"
    answer = ask(app, "/api/v1/incidents")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["detail"] == "the database is locked"


def test_metrics_carry_the_figures_of_every_part(parts: ServerParts) -> None:
    parts.board.take(health("camera:gate:main", packets_total=12, fps=24.9, bad=math.inf, reconnects=2))
    parts.board.take(health("camera:yard:main", packets_total=3))
    parts.board.take(health("storage:1f", "degraded", bytes_free=1e9))
    parts.board.take(HealthChanged(Health("recorder", "ok", NOW, "", {"cpu_s_total": 1.5, "no name": 1, "x" * 80: 2})))
    parts.board.take(AlarmChanged(Alarm("camera_lost", "gate", "", NOW)))
    answer = ask(create_app(parts), "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = set(answer.text.splitlines())
    assert {
        'vedette_camera_packets_total{camera="gate",stream="main"} 12.0',
        'vedette_camera_packets_total{camera="yard",stream="main"} 3.0',
        'vedette_camera_fps{camera="gate",stream="main"} 24.9',
        'vedette_storage_bytes_free{storage="1f"} 1e+09',
        'vedette_camera_reconnects_total{camera="gate",stream="main"} 2.0',
        "vedette_recorder_cpu_s_total 1.5",
        'vedette_part_state{part="storage:1f",state="degraded"} 1.0',
        'vedette_part_state{part="storage:1f",state="ok"} 0.0',
        'vedette_alarms_open{kind="camera_lost"} 1.0',
        'vedette_alarms_open{kind="storage_full"} 0.0',
    } <= lines
    assert "# TYPE vedette_camera_packets_total counter" in lines or "# TYPE vedette_camera_packets counter" in lines
    assert re.search(r"^vedette_server_process_resident_memory_bytes [1-9]", answer.text, re.MULTILINE)
    assert "inf" not in answer.text.lower().replace("info", "")
    assert "no name" not in answer.text


def test_labels_from_outside_cannot_break_the_text_of_metrics(parts: ServerParts) -> None:
    parts.board.take(health('camera:a"b\n:x', fps=1))
    parts.board.take(health("Bad Family:x", fps=1))
    parts.board.take(health("camera:a:b:c:d", fps=2))
    text = ask(create_app(parts), "/metrics").text
    assert 'vedette_camera_fps{camera="a\\"b\\n",stream="x"} 1.0' in text
    assert all(line.startswith(("#", "vedette_", "process_")) for line in text.splitlines())
