"""The first form of the database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vedette.store.append_only import statements

revision = "0001"
down_revision: str | None = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _access_log()
    _alarms()
    _camera_hours()
    _cameras()
    _codecs()
    _gaps()
    _garbage()
    _heat_tiles()
    _incidents()
    _locks()
    _recorded()
    _rule_versions()
    _runs()
    _series()
    _storages()
    _tracks()
    _counts()
    _event_hours()
    _events()
    _segments()
    _segment_index()


def _access_log() -> None:
    op.create_table(
        "access_log",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("at_utc_ns", WHOLE, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("start_utc_ns", WHOLE, nullable=True),
        sa.Column("end_utc_ns", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(digest IS NULL OR length(digest) = 32) AND (previous IS NULL OR length(previous) = 32)",
            name="ck_access_log_chain",
        ),
        sa.CheckConstraint("id > 0", name="ck_access_log_id"),
        sa.CheckConstraint("length(action) > 0", name="ck_access_log_action"),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_time", "access_log", ["at_utc_ns", "id"])
    for statement in statements("access_log", op.get_bind().dialect.name):
        op.execute(statement)


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("raised_utc_ns", WHOLE, nullable=False),
        sa.Column("cleared_utc_ns", WHOLE, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "part", "raised_utc_ns", name="pk_alarms"),
    )
    op.create_index("ix_alarms_raised", "alarms", ["raised_utc_ns"])


def _camera_hours() -> None:
    op.create_table(
        "camera_hours",
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("hour_utc_ns", WHOLE, nullable=False),
        sa.Column("info", WHOLE, nullable=False),
        sa.Column("alert", WHOLE, nullable=False),
        sa.Column("alarm", WHOLE, nullable=False),
        sa.CheckConstraint("info >= 0 AND alert >= 0 AND alarm >= 0", name="ck_camera_hours_n"),
        sa.PrimaryKeyConstraint("camera", "hour_utc_ns", name="pk_camera_hours"),
        sqlite_with_rowid=False,
    )


def _cameras() -> None:
    op.create_table(
        "cameras",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_utc_ns", WHOLE, nullable=False),
        sa.CheckConstraint("length(id) BETWEEN 1 AND 64", name="ck_cameras_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cameras"),
    )


def _codecs() -> None:
    op.create_table(
        "codecs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("extradata", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(fingerprint) = 32", name="ck_codecs_fingerprint"),
        sa.CheckConstraint("width >= 0 AND height >= 0 AND rate >= 0 AND channels >= 0", name="ck_codecs_sizes"),
        sa.PrimaryKeyConstraint("id", name="pk_codecs"),
        sa.UniqueConstraint("fingerprint", name="uq_codecs_fingerprint"),
    )


def _gaps() -> None:
    op.create_table(
        "gaps",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("start_utc_ns", WHOLE, nullable=False),
        sa.Column("end_utc_ns", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint("id > 0", name="ck_gaps_id"),
        sa.CheckConstraint("length(reason) > 0", name="ck_gaps_reason"),
        sa.PrimaryKeyConstraint("id", name="pk_gaps"),
    )
    op.create_index(
        "ix_gaps_open",
        "gaps",
        ["id"],
        sqlite_where=sa.text("end_utc_ns IS NULL"),
        postgresql_where=sa.text("end_utc_ns IS NULL"),
    )
    op.create_index("ix_gaps_time", "gaps", ["camera", "stream", "end_utc_ns"])


def _garbage() -> None:
    op.create_table(
        "garbage",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("gone_utc_ns", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_garbage"),
    )
    op.create_index("ix_garbage_storage", "garbage", ["storage", "gone_utc_ns", "id"])


def _heat_tiles() -> None:
    op.create_table(
        "heat_tiles",
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("hour_utc_ns", WHOLE, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("rows > 0 AND columns > 0", name="ck_heat_tiles_grid"),
        sa.PrimaryKeyConstraint("camera", "rule", "measure", "hour_utc_ns", "rows", "columns", name="pk_heat_tiles"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("opened_utc_ns", WHOLE, nullable=False),
        sa.Column("last_utc_ns", WHOLE, nullable=False),
        sa.Column("closed_utc_ns", WHOLE, nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("events", WHOLE, nullable=False),
        sa.Column("review", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("reviewed_utc_ns", WHOLE, nullable=True),
        sa.CheckConstraint("review IN ('new', 'confirmed', 'false_alarm')", name="ck_incidents_review"),
        sa.CheckConstraint("severity IN ('info', 'alert', 'alarm')", name="ck_incidents_severity"),
        sa.CheckConstraint("events >= 0", name="ck_incidents_events"),
        sa.CheckConstraint("id > 0", name="ck_incidents_id"),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_camera", "incidents", ["camera", "opened_utc_ns", "id"])
    op.create_index("ix_incidents_time", "incidents", ["opened_utc_ns", "id"])


def _locks() -> None:
    op.create_table(
        "locks",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("start_utc_ns", WHOLE, nullable=False),
        sa.Column("end_utc_ns", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_utc_ns", WHOLE, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.CheckConstraint("id > 0", name="ck_locks_id"),
        sa.CheckConstraint("start_utc_ns < end_utc_ns", name="ck_locks_time"),
        sa.PrimaryKeyConstraint("id", name="pk_locks"),
    )
    op.create_index("ix_locks_camera", "locks", ["camera", "start_utc_ns"])


def _recorded() -> None:
    op.create_table(
        "recorded",
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("segments", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("longest_ns", WHOLE, nullable=False),
        sa.CheckConstraint("segments >= 0 AND size >= 0 AND longest_ns >= 0", name="ck_recorded_sums"),
        sa.PrimaryKeyConstraint("storage", "camera", "stream", name="pk_recorded"),
    )


def _rule_versions() -> None:
    op.create_table(
        "rule_versions",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("first_utc_ns", WHOLE, nullable=False),
        sa.CheckConstraint("length(hash) > 0", name="ck_rule_versions_hash"),
        sa.PrimaryKeyConstraint("hash", name="pk_rule_versions"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("start_utc_ns", WHOLE, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("end_utc_ns", WHOLE, nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.CheckConstraint("(end_utc_ns IS NULL) = (why IS NULL)", name="ck_runs_ended"),
        sa.CheckConstraint("id > 0", name="ck_runs_id"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index(
        "ix_runs_open",
        "runs",
        ["id"],
        sqlite_where=sa.text("end_utc_ns IS NULL"),
        postgresql_where=sa.text("end_utc_ns IS NULL"),
    )


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(create_constraint=True, name="ck_series_test"), nullable=False),
        sa.CheckConstraint("direction IN ('', 'forward', 'backward')", name="ck_series_direction"),
        sa.CheckConstraint("severity IN ('info', 'alert', 'alarm')", name="ck_series_severity"),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint(
            "camera", "rule", "kind", "label", "direction", "severity", "test", name="uq_series_camera"
        ),
    )


def _storages() -> None:
    op.create_table(
        "storages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("seen_utc_ns", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_storages"),
    )


def _tracks() -> None:
    op.create_table(
        "tracks",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("run", WHOLE, nullable=False),
        sa.Column("track", WHOLE, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("start_utc_ns", WHOLE, nullable=False),
        sa.Column("end_utc_ns", WHOLE, nullable=False),
        sa.Column("lasting_ns", WHOLE, nullable=False),
        sa.Column("aspect", sa.Double(), nullable=False),
        sa.Column("ended_ns", WHOLE, nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id > 0", name="ck_tracks_id"),
        sa.CheckConstraint("points >= 0 AND lasting_ns >= 0", name="ck_tracks_points"),
        sa.PrimaryKeyConstraint("id", name="pk_tracks"),
    )
    op.create_index("ix_tracks_lasting", "tracks", ["camera", "lasting_ns"])
    op.create_index("ix_tracks_time", "tracks", ["camera", "start_utc_ns"])


def _counts() -> None:
    op.create_table(
        "counts",
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("minute_utc_ns", WHOLE, nullable=False),
        sa.Column("n", WHOLE, nullable=False),
        sa.CheckConstraint("n > 0", name="ck_counts_n"),
        sa.ForeignKeyConstraint(["series"], ["series.id"], name="fk_counts_series"),
        sa.PrimaryKeyConstraint("series", "minute_utc_ns", name="pk_counts"),
        sqlite_with_rowid=False,
    )


def _event_hours() -> None:
    op.create_table(
        "event_hours",
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("hour_utc_ns", WHOLE, nullable=False),
        sa.Column("n", WHOLE, nullable=False),
        sa.CheckConstraint("n > 0", name="ck_event_hours_n"),
        sa.ForeignKeyConstraint(["series"], ["series.id"], name="fk_event_hours_series"),
        sa.PrimaryKeyConstraint("series", "hour_utc_ns", name="pk_event_hours"),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("run", WHOLE, nullable=False),
        sa.Column("incident", WHOLE, nullable=True),
        sa.Column("rule_hash", sa.Text(), nullable=False),
        sa.Column("at_utc_ns", WHOLE, nullable=False),
        sa.Column("at_stream_ns", WHOLE, nullable=False),
        sa.Column("known_utc_ns", WHOLE, nullable=False),
        sa.Column("known_stream_ns", WHOLE, nullable=False),
        sa.Column("frame", WHOLE, nullable=False),
        sa.Column("track", WHOLE, nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("direction_name", sa.Text(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("geometry", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("id > 0", name="ck_events_id"),
        sa.ForeignKeyConstraint(["series"], ["series.id"], name="fk_events_series"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_incident", "events", ["incident", "at_utc_ns"])
    op.create_index("ix_events_series", "events", ["series", "at_utc_ns", "id"])
    op.create_index("ix_events_time", "events", ["at_utc_ns", "id", "series"])


def _segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("run", WHOLE, nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("start_utc_ns", WHOLE, nullable=False),
        sa.Column("start_stream_ns", WHOLE, nullable=False),
        sa.Column("duration_ns", WHOLE, nullable=False),
        sa.Column("wall_ns", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.Integer(), nullable=False),
        sa.Column("codec", sa.Integer(), nullable=False),
        sa.Column("audio", sa.Integer(), nullable=True),
        sa.CheckConstraint("duration_ns >= 0", name="ck_segments_duration"),
        sa.CheckConstraint("id > 0", name="ck_segments_id"),
        sa.CheckConstraint("length(path) > 0", name="ck_segments_path"),
        sa.CheckConstraint("length(sha256) = 32", name="ck_segments_sha256"),
        sa.CheckConstraint("size > 0 AND header >= 0 AND header <= size", name="ck_segments_size"),
        sa.ForeignKeyConstraint(["audio"], ["codecs.id"], name="fk_segments_audio"),
        sa.ForeignKeyConstraint(["codec"], ["codecs.id"], name="fk_segments_codec"),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
    )
    op.create_index("ix_segments_storage", "segments", ["storage", "start_utc_ns", "id"])
    op.create_index("ix_segments_time", "segments", ["camera", "stream", "start_utc_ns", "duration_ns", "size"])


def _segment_index() -> None:
    op.create_table(
        "segment_index",
        sa.Column("segment", WHOLE, autoincrement=False, nullable=False),
        sa.Column("fragments", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["segment"], ["segments.id"], name="fk_segment_index_segment", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("segment", name="pk_segment_index"),
    )
