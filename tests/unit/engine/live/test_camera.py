from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from live_camera import UTC_NS, BrightDetector, Film, Thing, packets
from live_setup import GATE, Camera, live_rules, setup
from vedette.engine.live.ports import LiveRule
from vedette.model.errors import DatabaseError, DetectorError
from vedette.model.events import RuleEvent
from vedette.model.media import Codec, Image, Packet
from vedette.model.observations import Observations
from vedette.model.time import NS_PER_S
from vedette.video.decode_options import DecodeOptions
from vedette.vision.tamper import Guarded

made = functools.cache(packets)
WALK = Film(26.0, (Thing(10.2, 15.0),))
QUIET = Film(10.0)


@dataclass
class Witness:
    """A rule that keeps the facts of every moment and, if told to, breaks."""

    id: str = "witness"
    facts: list[tuple[float, str]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    def update(self, now: Observations) -> list[RuleEvent]:
        self.moments.append(now.at.stream_s)
        self.facts += [(fact.at.stream_s, fact.kind) for fact in now.facts]
        return []

    def values(self) -> dict[str, object]:
        return {"moments": len(self.moments)}


def watched(witness: Witness, **more: Any) -> LiveRule:
    return LiveRule(id="witness", hash="w", build=lambda: witness, **more)


def later_run(stream: list[Packet], after_s: float, run: int = 2) -> list[Packet]:
    """The same packets in another run that begins `after_s` after the start."""
    shift = round(after_s * NS_PER_S)
    return [replace(p, run=run, at=replace(p.at, utc_ns=p.at.utc_ns + shift)) for p in stream]


def test_rest_changes_no_event() -> None:
    whole = Camera(setup(GATE, options=DecodeOptions(idle=False))).see(made(WALK))
    rested = Camera(setup(GATE)).see(made(WALK))
    assert rested.analysis.health().figures["wakes"] == 1.0
    assert rested.kept.told == whole.kept.told
    (told,) = rested.kept.told
    assert told[:2] == ("gate", "backward")
    assert told[2] == pytest.approx(12.6, abs=0.05)


def test_an_event_opens_an_incident_that_time_closes() -> None:
    camera = Camera(setup(GATE, gap_s=5.0)).see(made(WALK))
    (event,), (incident,) = camera.kept.events, camera.kept.incidents.values()
    assert (event.camera, event.run, event.severity, event.incident) == ("yard", 1, "alert", incident.id)
    assert event.event.at.utc_ns == UTC_NS + event.event.at.stream_ns
    assert incident.closed_utc_ns == event.event.at.utc_ns + 5 * NS_PER_S
    assert (incident.rules, incident.labels, incident.events) == (("gate",), ("person",), 1)


def test_severity_is_that_of_the_rule() -> None:
    camera = Camera(setup({**GATE, "severity": "info"})).see(made(WALK))
    assert [(event.severity, event.incident) for event in camera.kept.events] == [("info", None)]
    assert not camera.kept.incidents


def test_ended_tracks_are_kept() -> None:
    kept = Camera(setup()).see(made(WALK)).finish()
    (line,) = kept.tracks
    assert (line.camera, line.run, line.label) == ("yard", 1, "person")
    assert line.at_ns[0] / NS_PER_S == pytest.approx(10.3, abs=0.4)
    assert line.at_ns[-1] / NS_PER_S == pytest.approx(15.0, abs=0.4)
    assert (line.at_ns[1:] > line.at_ns[:-1]).all()
    assert line.start_utc_ns == UTC_NS + line.at_ns[0]
    assert len(line.at_ns) < 20


def test_boxes_are_told_for_the_live_picture_and_once_when_they_are_gone() -> None:
    seen = Camera(setup()).see(made(WALK)).kept.seen
    assert all(len(one.boxes) == 1 for one in seen[:-1])
    assert seen[-1].boxes == ()
    number, label, left, top, right, bottom = seen[10].boxes[0]
    assert (number > 0, label) == (True, "person")
    assert 0.0 <= left < right <= 1.0
    assert 0.0 <= top < bottom <= 1.0
    assert seen[10].utc_ns == UTC_NS + seen[10].stream_ns


def test_packets_of_others_are_passed_over() -> None:
    camera = Camera(setup(GATE))
    for wrong in ({"camera": "other"}, {"stream": "sub"}):
        camera.see([replace(p, **wrong) for p in made(QUIET)])  # type: ignore[arg-type]
    assert camera.analysis.health().figures["analyzed_frames"] == 0.0
    assert camera.analysis.health().state in ("starting", "failed")


def test_sound_is_passed_over() -> None:
    sound = Codec("aac", rate=48000, channels=1)
    camera = Camera(setup(GATE)).see([replace(p, codec=sound) for p in made(QUIET)[:20]])
    assert camera.analysis.health().figures["analyzed_frames"] == 0.0


# -- runs --------------------------------------------------------------------------------------------------------------


def test_rules_remember_across_a_lost_connection() -> None:
    inside = {"id": "in", "type": "occupancy", "entrances": {"gate": "backward"}}
    camera = Camera(setup(GATE, inside)).see(made(WALK)).wait(20.0)
    assert camera.analysis.values()["in"]["now"] == 1
    camera.see(later_run(made(WALK), 46.0))
    assert camera.analysis.values()["in"]["now"] == 2
    first, second = (event for event in camera.kept.events if event.event.rule == "gate")
    assert (first.run, second.run) == (1, 2)
    assert second.event.at.stream_s == pytest.approx(first.event.at.stream_s, abs=0.05)
    assert second.event.at.utc_ns - first.event.at.utc_ns == pytest.approx(46 * NS_PER_S, abs=NS_PER_S / 10)
    assert first.incident != second.incident


def test_rules_see_time_that_never_goes_back() -> None:
    witness = Witness()
    camera = Camera(setup(watched(witness))).see(made(QUIET)).see(later_run(made(QUIET), 10.0))
    camera.see(later_run(made(QUIET), 3700.0, run=3))
    assert witness.moments == sorted(witness.moments)


def test_tracks_of_each_run_lie_in_its_own_time() -> None:
    kept = Camera(setup()).see(made(WALK)).see(later_run(made(WALK), 26.0)).finish()
    first, second = kept.tracks
    assert (first.run, second.run) == (1, 2)
    assert second.at_ns[0] == pytest.approx(first.at_ns[0], abs=NS_PER_S / 10)
    assert second.ended_ns - second.at_ns[-1] == pytest.approx(first.ended_ns - first.at_ns[-1], abs=NS_PER_S)


def test_a_track_that_the_end_of_the_run_cuts_is_kept_with_its_run() -> None:
    cut = [p for p in made(WALK) if p.at.stream_s < 13.5]
    kept = Camera(setup(GATE)).see(cut).see(later_run(made(QUIET), 20.0)).kept
    assert [line.run for line in kept.tracks] == [1]
    assert [event.run for event in kept.events] == [1]


def test_another_shape_of_picture_midway() -> None:
    other = later_run(packets(Film(20.0, (Thing(10.2, 15.0),), size=(240, 192))), 26.0)
    camera = Camera(setup(GATE)).see(made(WALK)).see(other)
    assert len(camera.kept.events) == 2


# -- blindness ---------------------------------------------------------------------------------------------------------


def test_silence_is_told_to_rules_and_ends_tracks() -> None:
    witness = Witness()
    camera = Camera(setup(GATE, watched(witness), silent_s=3.0))
    camera.see([p for p in made(WALK) if p.at.stream_s < 13.5]).wait(10.0)
    assert len(camera.kept.tracks) == 1
    assert [round(t - 13.4, 1) for t, kind in witness.facts if kind == "signal_lost"][:2] == pytest.approx(
        [3.1, 3.6], abs=0.3
    )
    assert camera.analysis.health().state == "failed"
    assert "picture" in camera.analysis.health().text
    camera.see(later_run(made(QUIET), 30.0))
    facts = len(witness.facts)
    camera.wait(2.0)
    assert len(witness.facts) == facts
    assert camera.analysis.health().state == "ok"


def test_blindness_alarms_once_where_a_rule_wants_it_and_is_cleared() -> None:
    camera = Camera(setup({**GATE, "on_blind": "alarm"})).see(made(QUIET)).wait(30.0)
    (raised,) = camera.kept.alarms
    assert (raised.kind, raised.part, raised.cleared_utc_ns) == ("analysis_blind", "analysis:yard", None)
    assert "gate" in raised.text
    camera.see(later_run(made(QUIET), 45.0))
    _, cleared = camera.kept.alarms
    assert cleared.raised_utc_ns == raised.raised_utc_ns
    assert cleared.cleared_utc_ns is not None


def test_a_connection_that_is_back_soon_is_no_alarm() -> None:
    camera = Camera(setup({**GATE, "on_blind": "alarm"})).see(made(QUIET))
    camera.analysis.lose("the connection ended")
    camera.wait(2.0)
    camera.see(later_run(made(QUIET), 12.0))
    assert camera.kept.alarms == []


def test_blindness_is_silent_by_default() -> None:
    camera = Camera(setup(GATE)).see(made(QUIET)).wait(30.0)
    assert camera.kept.alarms == []


def test_a_detector_that_fails_makes_blind_until_it_answers() -> None:
    error: list[Exception | None] = [DetectorError("the detector failed: out of memory")]
    camera = Camera(setup({**GATE, "on_blind": "alarm"}), BrightDetector(fails=lambda: error[0]))
    camera.see(made(QUIET))
    assert camera.analysis.health().state == "failed"
    assert "out of memory" in camera.kept.alarms[0].text
    error[0] = None
    camera.see(later_run(made(WALK), 10.0))
    assert camera.kept.alarms[-1].cleared_utc_ns is not None
    assert len(camera.kept.events) == 1


def test_a_codec_that_cannot_be_decoded_makes_blind() -> None:
    camera = Camera(setup({**GATE, "on_blind": "alarm"}))
    camera.see([replace(p, codec=Codec("no-such-codec", b"", 320, 180)) for p in made(QUIET)])
    assert "no-such-codec" in camera.analysis.health().text
    assert len(camera.kept.alarms) == 1
    camera.see(later_run(made(QUIET), 10.0))
    assert camera.analysis.health().state == "ok"


def test_a_camera_that_never_sent_anything_is_starting_then_lost() -> None:
    camera = Camera(setup(GATE))
    assert camera.analysis.health().state == "starting"
    camera.wait(6.0)
    assert camera.analysis.health().state == "failed"
    assert camera.finish().events == []


# -- load, change, database --------------------------------------------------------------------------------------------


def test_who_is_behind_looks_at_the_newest_only_and_says_so() -> None:
    camera = Camera(setup(GATE, options=DecodeOptions(idle=False)))
    stream = made(QUIET)
    for packet in stream[:50]:
        camera.clock.sleep(0.1)
        camera.analysis.take(packet, camera.clock.monotonic_ns())
    for packet in stream[50:60]:
        camera.analysis.take(packet, camera.clock.monotonic_ns() - 2 * NS_PER_S)
    health = camera.analysis.health()
    assert health.figures["dropped_frames"] == 10.0
    assert health.figures["analyzed_frames"] == 50.0
    assert (health.state, health.figures["lag_s"]) == ("degraded", 2.0)
    assert "2.0 s behind" in health.text
    for packet in stream[60:]:
        camera.analysis.take(packet)
    assert camera.analysis.health().figures["analyzed_frames"] == 90.0
    assert camera.analysis.health().state == "ok"


def test_other_rules_midway_keep_tracks_and_what_the_same_rules_remember() -> None:
    stream = made(Film(26.0, (Thing(10.2, 15.0), Thing(13.6, 18.0, (0.05, 0.8), (0.95, 0.8), 0.25))))
    half = next(n for n, p in enumerate(stream) if p.at.stream_s >= 13.0)
    count = {"id": "total", "type": "count", "of": ["gate"]}
    camera = Camera(setup(GATE, count)).see(stream[:half])
    before = camera.kept.seen[-1].boxes[0][0]
    beyond = {**GATE, "id": "beyond", "line": [[0.8, 0.0], [0.8, 1.0]]}
    camera.analysis.change(setup(GATE, count, beyond))
    camera.see(stream[half:])
    assert camera.kept.seen[-20].boxes[0][0] >= before
    assert [rule for rule, _, _ in camera.kept.told] == ["gate", "beyond", "gate", "beyond"]
    assert camera.analysis.values()["total"]["total"] == {"backward": 2}


def test_a_rule_that_changes_begins_anew() -> None:
    inside = {"id": "in", "type": "occupancy", "entrances": {"gate": "backward"}}
    camera = Camera(setup(GATE, inside)).see(made(WALK))
    camera.analysis.change(setup(GATE, {**inside, "max": 3}))
    assert camera.analysis.values()["in"]["now"] == 0


def test_other_settings_midway_look_afresh_but_keep_rules() -> None:
    stream = made(WALK)
    inside = {"id": "in", "type": "occupancy", "entrances": {"gate": "backward"}}
    camera = Camera(setup(GATE, inside)).see(stream[:200])
    camera.analysis.change(setup(GATE, inside, look="another", fps=5.0))
    camera.see(stream[200:])
    assert camera.analysis.values()["in"]["now"] == 1
    assert len(camera.kept.tracks) == 1
    assert camera.analysis.setup.look == "another"


def test_a_rule_that_goes_takes_its_alarm_along() -> None:
    camera = Camera(setup({**GATE, "on_blind": "alarm"})).see(made(QUIET)).wait(20.0)
    camera.analysis.change(setup(GATE))
    assert [alarm.cleared_utc_ns is None for alarm in camera.kept.alarms] == [True, False]


def test_a_broken_database_loses_no_event() -> None:
    camera = Camera(setup(GATE))
    camera.kept.broken = DatabaseError("the database is gone: start it")
    camera.see(made(WALK))
    assert camera.kept.events == []
    camera.kept.broken = None
    kept = camera.finish()
    assert len(kept.events) == 1
    assert len(kept.tracks) == 1


def test_what_a_person_said_of_an_incident_stays() -> None:
    again = Film(26.0, (Thing(10.2, 15.0), Thing(18.0, 22.0)))
    stream = made(again)
    camera = Camera(setup(GATE)).see([p for p in stream if p.at.stream_s < 16.5])
    (incident,) = camera.kept.incidents.values()
    camera.analysis.reviewed(replace(incident, review="confirmed"))
    camera.see([p for p in stream if p.at.stream_s >= 16.5])
    assert [(one.review, one.events) for one in camera.kept.incidents.values()] == [("confirmed", 2)]


def test_rules_are_known_by_their_ids() -> None:
    (rule,) = live_rules({**GATE, "severity": "alarm", "on_blind": "alarm"})
    assert (rule.id, rule.severity, rule.on_blind) == ("gate", "alarm", "alarm")


# -- tampering ---------------------------------------------------------------------------------------------------------


def test_a_lost_signal_is_tampering_until_it_is_back() -> None:
    guard = {"id": "guard", "type": "tamper", "severity": "alarm"}
    camera = Camera(setup(guard)).see(made(QUIET)).wait(15.0)
    (lost,) = camera.kept.events
    assert (lost.event.kind, lost.run, lost.severity) == ("signal_lost", 1, "alarm")
    assert lost.event.at.stream_s == pytest.approx(15.0, abs=0.6)
    camera.see(later_run(made(QUIET), 25.0))
    assert [event.event.kind for event in camera.kept.events] == ["signal_lost", "restored"]


def test_a_picture_that_stands_still_is_noticed_at_rest_and_while_awake() -> None:
    def stuck(image: Image, t: float) -> Image:
        return np.full_like(image, 60) if 20.0 <= t < 32.0 else image

    film = Film(44.0, noise=2.0, change=stuck)
    guard = {"id": "guard", "type": "tamper"}
    for options in (DecodeOptions(small_px=0), DecodeOptions(idle=False)):
        camera = Camera(setup(guard, perceiver=Guarded, options=options)).see(made(film))
        assert [event.event.kind for event in camera.kept.events] == ["frozen", "restored"]
        assert camera.kept.events[0].event.at.stream_s == pytest.approx(21.0, abs=6.0)
        assert camera.kept.events[-1].event.at.stream_s == pytest.approx(32.0, abs=2.1)
