"""Rows for the bench of the database, written by the database itself. Statements are filled in by `str.format`."""

# ruff: noqa: S608 - every part of the statements is written here
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from vedette.model.media import Codec
from vedette.model.recording import Fragment, Lock, Segment
from vedette.model.time import NS_PER_S
from vedette.store.packing import pack_fragments, pack_geometry

CAMERAS: Final[Sequence[str]] = tuple(f"camera-{n}" for n in range(10))
START: Final = 1_699_999_200 * NS_PER_S
"""A whole hour."""
YEAR_NS: Final = 365 * 24 * 3600 * NS_PER_S
SEGMENT_S: Final = 60
_RULES: Final = ("fence", "gate", "yard")
_LABELS: Final = ("person", "car")


def series_rows() -> list[dict[str, object]]:
    """60 series that happen all the time, and one of each camera that happens about once a month."""
    common = [
        (camera, rule, label, ("info", "alert", "alarm")[n % 3])
        for camera in CAMERAS
        for n, rule in enumerate(_RULES)
        for label in _LABELS
    ]
    rare = [(camera, "rare", "dog", "alarm") for camera in CAMERAS]
    return [
        {
            "id": number, "camera": camera, "rule": rule, "kind": "crossed", "label": label, "direction": "forward",
            "severity": severity, "test": False,
        }
        for number, (camera, rule, label, severity) in enumerate([*common, *rare], 1)
    ]  # fmt: skip


_NUMBERS: Final = (
    "WITH RECURSIVE numbers(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})"
)
_AT: Final = f"({START} + n / 10 * {SEGMENT_S * NS_PER_S})"

SEGMENTS_SQL: Final = (
    "INSERT INTO codecs (fingerprint, name, extradata, width, height, rate, channels) "
    "SELECT {hash}, 'h264', {hash}, 1920, 1080, 0, 0 FROM (SELECT 1 AS n) AS one",
    "INSERT INTO segments (id, run, camera, stream, storage, path, start_utc_ns, start_stream_ns, duration_ns, "
    f"wall_ns, size, sha256, header, codec) {_NUMBERS.replace('{count}', '{segments}')} "
    f"SELECT {_AT} / 1000000 * 4194304 + n % 10 + 1, 7, 'camera-' || (n % 10), 'main', 'disk', "
    f"'camera-' || (n % 10) || '/main/2023-11-14/22-13-20Z-' || n || '.mp4', {_AT}, n / 10 * {SEGMENT_S * NS_PER_S}, "
    f"{SEGMENT_S * NS_PER_S}, {SEGMENT_S * NS_PER_S}, 7000000, {{hash}}, 800, 1 FROM numbers",
    f"INSERT INTO segment_index (segment, fragments) {_NUMBERS.replace('{count}', '{segments}')} "
    f"SELECT {_AT} / 1000000 * 4194304 + n % 10 + 1, {{index}} FROM numbers",
    "INSERT INTO recorded (storage, camera, stream, segments, size, longest_ns) "
    "SELECT storage, camera, stream, count(*), sum(size), max(duration_ns) FROM segments GROUP BY 1, 2, 3",
)

_TRACE: Final = tuple((n / 5, 0.4 + n / 100, 0.5) for n in range(5))
GEOMETRY: Final = (pack_geometry((0.4, 0.5), (0.3, 0.4, 0.5, 0.6), _TRACE) or b"").hex()
_EVENT: Final = f"({START} + n * {{step}})"
EVENTS_SQL: Final = (
    "INSERT INTO events (id, series, run, incident, rule_hash, at_utc_ns, at_stream_ns, known_utc_ns, known_stream_ns, "
    f"frame, track, score, geometry) {_NUMBERS.replace('{count}', '{events}')} "
    f"SELECT {_EVENT} / 1000000 * 4194304 + n % 4194304, "
    "CASE WHEN n % 83333 = 0 THEN 61 + n / 83333 % 10 ELSE 1 + n * 2654435 / 97 % 60 END, 7, n / 3, '0123456789abcdef'"
    f", {_EVENT}, n * {{step}}, {_EVENT} + 300000000, n * {{step}}, n, n % 10000, 0.8, {{geometry}} FROM numbers",
)

_HOUR: Final = f"at_utc_ns / {3600 * NS_PER_S} * {3600 * NS_PER_S}"
_BY_SEVERITY: Final = ", ".join(
    f"sum(CASE severity WHEN '{severity}' THEN n ELSE 0 END)" for severity in ("info", "alert", "alarm")
)
SUMS_SQL: Final = (
    f"INSERT INTO event_hours (series, hour_utc_ns, n) SELECT series, {_HOUR}, count(*) FROM events GROUP BY 1, 2",
    "INSERT INTO camera_hours (camera, hour_utc_ns, info, alert, alarm) "
    f"SELECT camera, hour_utc_ns, {_BY_SEVERITY} FROM event_hours JOIN series ON series = id GROUP BY 1, 2",
    "INSERT INTO camera_hours (camera, hour_utc_ns, info, alert, alarm) "
    "SELECT '', hour_utc_ns, sum(info), sum(alert), sum(alarm) FROM camera_hours GROUP BY 2",
)


def locks_of(segments: int) -> list[Lock]:
    """A hundred hours of evidence, spread over everything that is recorded."""
    whole = segments // 10 * SEGMENT_S * NS_PER_S
    return [
        Lock(n + 1, CAMERAS[n % 10], at, at + 3600 * NS_PER_S, f"case {n}", START)
        for n, at in ((n, START + n * whole // 100) for n in range(100))
    ]


def example_segment() -> Segment:
    """A minute of 1080p in fragments of a second."""
    start = START - 3600 * NS_PER_S
    parts = tuple(
        Fragment(800 + n * 500_000, 500_000, n * NS_PER_S, NS_PER_S, start + n * NS_PER_S, n % 2 == 0, _hash(n))
        for n in range(60)
    )
    return Segment(
        1, 7, CAMERAS[0], "main", "disk", "camera-0/main/x.mp4", start, 0, 60 * NS_PER_S, 60 * NS_PER_S, 30_000_800,
        _hash(0), 800, Codec("h264", _hash(0), 1920, 1080), None, parts,
    )  # fmt: skip


def _hash(n: int) -> bytes:
    return hashlib.sha256(bytes([n])).digest()


INDEX: Final = pack_fragments(example_segment().fragments).hex()
