"""The tables, in the words of the glossary. Times are whole nanoseconds UTC in columns named `*_utc_ns`.

Ids come from the caller (`model.identity.new_id`), except those of `codecs` and `series`, which nobody else uses.
What is changed here needs a new revision in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint

from vedette.store import append_only
from vedette.store.columns import blob, check, key, key_of, maybe, number, own_key, real, refers, small, text

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# What the cameras are called. Everything else names them by their slug, also after they are gone from here.
cameras: Final = Table(
    "cameras",
    metadata,
    text("id", primary_key=True),
    text("name"),
    number("first_utc_ns"),  # when it was configured first
    check("id", "length(id) BETWEEN 1 AND 64"),
)

# Storage folders that were ever seen, by the uuid in their identity file.
storages: Final = Table(
    "storages",
    metadata,
    text("id", primary_key=True),
    text("path"),  # where it was mounted last
    number("seen_utc_ns"),
)

# Unbroken connections to cameras. A segment may name a run that is not here: recording never waits for this table.
runs: Final = Table(
    "runs",
    metadata,
    key(),
    text("camera"),
    text("stream"),
    number("start_utc_ns"),
    text("node"),  # the machine that held the connection
    maybe("end_utc_ns"),  # may lie before the start where a clock was set back
    text("why", nullable=True),
    check("id", "id > 0"),
    check("ended", "(end_utc_ns IS NULL) = (why IS NULL)"),
)
Index("ix_runs_open", runs.c.id, sqlite_where=runs.c.end_utc_ns.is_(None), postgresql_where=runs.c.end_utc_ns.is_(None))

# Codecs with their parameter sets; thousands of segments share one.
codecs: Final = Table(
    "codecs",
    metadata,
    own_key(),
    blob("fingerprint"),  # SHA-256 over all the other columns
    text("name"),
    blob("extradata"),
    small("width"),
    small("height"),
    small("rate"),
    small("channels"),
    UniqueConstraint("fingerprint"),
    check("fingerprint", "length(fingerprint) = 32"),
    check("sizes", "width >= 0 AND height >= 0 AND rate >= 0 AND channels >= 0"),
)

# Finished files. A row means: the file is there, with that size and that hash.
segments: Final = Table(
    "segments",
    metadata,
    key(),
    number("run"),
    text("camera"),
    text("stream"),
    text("storage"),  # uuid of the folder
    text("path"),  # inside it, with /
    number("start_utc_ns"),
    number("start_stream_ns"),
    number("duration_ns"),  # what a player shows; start and duration give the end
    number("wall_ns"),  # by the wall clock, which may have been set
    number("size"),  # bytes
    blob("sha256"),
    small("header"),  # bytes before the first fragment
    refers("codec", "codecs.id"),
    refers("audio", "codecs.id", nullable=True),
    check("id", "id > 0"),
    check("duration", "duration_ns >= 0"),
    check("size", "size > 0 AND header >= 0 AND header <= size"),
    check("sha256", "length(sha256) = 32"),
    check("path", "length(path) > 0"),
)
# With durations and sizes in it, time lines are drawn from the index alone.
Index(
    "ix_segments_time",
    *(segments.c[name] for name in ("camera", "stream", "start_utc_ns", "duration_ns", "size")),
)
Index("ix_segments_storage", segments.c.storage, segments.c.start_utc_ns, segments.c.id)

# The fragments of a segment, packed (store.packing). Apart, so that listings of segments stay small.
segment_index: Final = Table(
    "segment_index",
    metadata,
    key_of("segment", "segments.id"),
    blob("fragments"),
)

# Sums over segments, kept in the transaction that adds or takes one: nobody has to add up a million rows.
recorded: Final = Table(
    "recorded",
    metadata,
    text("storage"),
    text("camera"),
    text("stream"),
    number("segments"),
    number("size"),  # bytes
    number("longest_ns"),  # no segment lasts longer, so a search for a time knows how far back to begin
    PrimaryKeyConstraint("storage", "camera", "stream"),
    check("sums", "segments >= 0 AND size >= 0 AND longest_ns >= 0"),
)

# Files that are no part of the recording any more. The row outlives the file by a day, so that a late commit of the
# same segment is known for what it is.
garbage: Final = Table(
    "garbage",
    metadata,
    key(),
    text("storage"),
    text("path"),
    maybe("gone_utc_ns"),  # when the file was known to be gone; until then it may still lie on the disk
)
Index("ix_garbage_storage", garbage.c.storage, garbage.c.gone_utc_ns, garbage.c.id)

# Times in which nothing was recorded, and why.
gaps: Final = Table(
    "gaps",
    metadata,
    key(),
    text("camera"),
    text("stream"),
    number("start_utc_ns"),
    maybe("end_utc_ns"),  # missing while it lasts
    text("reason"),
    text("text"),
    check("id", "id > 0"),
    check("reason", "length(reason) > 0"),
)
Index("ix_gaps_time", gaps.c.camera, gaps.c.stream, gaps.c.end_utc_ns)
Index("ix_gaps_open", gaps.c.id, sqlite_where=gaps.c.end_utc_ns.is_(None), postgresql_where=gaps.c.end_utc_ns.is_(None))

# Evidence: no segment that touches such a time is deleted.
locks: Final = Table(
    "locks",
    metadata,
    key(),
    text("camera"),
    number("start_utc_ns"),
    number("end_utc_ns"),
    text("name"),
    number("created_utc_ns"),
    text("by"),
    check("id", "id > 0"),
    check("time", "start_utc_ns < end_utc_ns"),
)
Index("ix_locks_camera", locks.c.camera, locks.c.start_utc_ns)

# What was wrong with the system itself.
alarms: Final = Table(
    "alarms",
    metadata,
    text("kind"),
    text("part"),
    number("raised_utc_ns"),
    maybe("cleared_utc_ns"),  # missing while it lasts
    text("text"),
    PrimaryKeyConstraint("kind", "part", "raised_utc_ns"),
)
Index("ix_alarms_raised", alarms.c.raised_utc_ns)

# Definitions that rules ever had: an event says by hash which one it was judged by.
rule_versions: Final = Table(
    "rule_versions",
    metadata,
    text("hash", primary_key=True),
    text("type"),
    text("definition"),  # JSON
    number("first_utc_ns"),
    check("hash", "length(hash) > 0"),
)

# All that events have in common: few rows. Looking for rare events looks here first.
series: Final = Table(
    "series",
    metadata,
    own_key(),
    text("camera"),
    text("rule"),
    text("kind"),
    text("label"),
    text("direction"),  # forward, backward, or empty
    text("severity"),
    Column("test", Boolean(create_constraint=True, name="test"), nullable=False),
    UniqueConstraint("camera", "rule", "kind", "label", "direction", "severity", "test"),
    check("severity", "severity IN ('info', 'alert', 'alarm')"),
    check("direction", "direction IN ('', 'forward', 'backward')"),
)

# What rules found. Times are those of the happening, `known_*` those at which it became known.
events: Final = Table(
    "events",
    metadata,
    key(),
    refers("series", "series.id"),
    number("run"),
    maybe("incident"),
    text("rule_hash"),
    number("at_utc_ns"),
    number("at_stream_ns"),
    number("known_utc_ns"),
    number("known_stream_ns"),
    number("frame"),
    number("track"),  # 0: no single one
    real("score", nullable=True),  # missing where it was not finite
    text("direction_name", nullable=True),
    real("value", nullable=True),
    blob("geometry", nullable=True),  # anchor, box and trace (store.packing)
    check("id", "id > 0"),
)
Index("ix_events_time", events.c.at_utc_ns, events.c.id, events.c.series)
Index("ix_events_series", events.c.series, events.c.at_utc_ns, events.c.id)
Index("ix_events_incident", events.c.incident, events.c.at_utc_ns)

# What a person is asked to look at.
incidents: Final = Table(
    "incidents",
    metadata,
    key(),
    text("camera"),
    number("opened_utc_ns"),
    number("last_utc_ns"),
    maybe("closed_utc_ns"),
    text("severity"),
    text("rules"),  # JSON list, in order of appearance
    text("labels"),  # JSON list
    number("events"),
    text("review"),
    text("note"),
    text("reviewed_by"),
    maybe("reviewed_utc_ns"),
    check("id", "id > 0"),
    check("severity", "severity IN ('info', 'alert', 'alarm')"),
    check("review", "review IN ('new', 'confirmed', 'false_alarm')"),
    check("events", "events >= 0"),
)
Index("ix_incidents_time", incidents.c.opened_utc_ns, incidents.c.id)
Index("ix_incidents_camera", incidents.c.camera, incidents.c.opened_utc_ns, incidents.c.id)

# Events per hour and series, tests left out. They stay when events go: they hold no identity.
event_hours: Final = Table(
    "event_hours",
    metadata,
    refers("series", "series.id"),
    number("hour_utc_ns"),
    number("n"),
    PrimaryKeyConstraint("series", "hour_utc_ns"),
    check("n", "n > 0"),
    sqlite_with_rowid=False,
)

# The same per hour and camera, and under the empty name for all cameras together: a year opens in milliseconds.
camera_hours: Final = Table(
    "camera_hours",
    metadata,
    text("camera"),
    number("hour_utc_ns"),
    number("info"),
    number("alert"),
    number("alarm"),
    PrimaryKeyConstraint("camera", "hour_utc_ns"),
    check("n", "info >= 0 AND alert >= 0 AND alarm >= 0"),
    sqlite_with_rowid=False,
)

# Events per minute and series, tests left out; kept for ever.
counts: Final = Table(
    "counts",
    metadata,
    refers("series", "series.id"),
    number("minute_utc_ns"),
    number("n"),
    PrimaryKeyConstraint("series", "minute_utc_ns"),
    check("n", "n > 0"),
    sqlite_with_rowid=False,
)

# Where people were, per hour; tiles of one size can be added up to any period.
heat_tiles: Final = Table(
    "heat_tiles",
    metadata,
    text("camera"),
    text("rule"),
    text("measure"),  # seconds or visits
    number("hour_utc_ns"),
    small("rows"),
    small("columns"),
    blob("cells"),  # 64-bit floats row by row, compressed
    PrimaryKeyConstraint("camera", "rule", "measure", "hour_utc_ns", "rows", "columns"),
    check("grid", "rows > 0 AND columns > 0"),
)

# Whole lives of tracks as packed polylines (store.packing), so that a rule drawn today can be run over last week.
tracks: Final = Table(
    "tracks",
    metadata,
    key(),
    text("camera"),
    number("run"),
    number("track"),  # the tracker's id within the run
    text("label"),
    number("start_utc_ns"),
    number("end_utc_ns"),
    number("lasting_ns"),  # end minus start, or 0 where a clock was set back
    real("aspect"),
    number("ended_ns"),
    small("points"),
    blob("line"),
    check("id", "id > 0"),
    check("points", "points >= 0 AND lasting_ns >= 0"),
)
Index("ix_tracks_time", tracks.c.camera, tracks.c.start_utc_ns)
# The longest track of a camera tells how far back a search for a time has to begin.
Index("ix_tracks_lasting", tracks.c.camera, tracks.c.lasting_ns)

# Who looked at what. Rows are only ever added; triggers see to it.
access_log: Final = Table(
    "access_log",
    metadata,
    key(),
    number("at_utc_ns"),
    text("who"),
    text("role"),
    text("address"),
    text("action"),
    text("target"),  # what it was done to: a camera, an incident, a rule, an account
    maybe("start_utc_ns"),  # of the footage it was about
    maybe("end_utc_ns"),
    text("reason"),
    text("outcome"),  # done, refused, failed
    text("detail"),  # JSON
    blob("previous", nullable=True),  # SHA-256 of the row before, once rows are chained
    blob("digest", nullable=True),  # SHA-256 of this one
    check("id", "id > 0"),
    check("action", "length(action) > 0"),
    check("chain", "(digest IS NULL OR length(digest) = 32) AND (previous IS NULL OR length(previous) = 32)"),
)
Index("ix_access_log_time", access_log.c.at_utc_ns, access_log.c.id)
append_only.guard(access_log)
