"""The analyzer: what `vedette run --only analyzer` runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from vedette.app.looking import analyzer_for, built, detector_for, guarded
from vedette.app.process import Process, begin
from vedette.config import Camera, RuleDefinition, SystemConfig
from vedette.config.definition import canonical, rule_hash
from vedette.engine.bus import Publisher, Subscriber
from vedette.engine.live.detector_service import DetectorService
from vedette.engine.live.ports import CameraSetup, LiveRule
from vedette.engine.live.reporting import Reporter
from vedette.engine.live.service import LiveAnalysis
from vedette.engine.pace import Pace
from vedette.model.errors import DatabaseError, VedetteError
from vedette.model.masks import Masks
from vedette.model.media import Frame
from vedette.model.ports import Clock
from vedette.store.database import Database
from vedette.store.events import SqlEventStore
from vedette.store.rule_versions import RuleVersion, SqlRuleVersions
from vedette.store.tracks import SqlTracks
from vedette.video.decode_options import DecodeOptions
from vedette.video.decode_policy import DecodePolicy
from vedette.vision.motion import MotionProbe, one_thread_for_each_picture

if TYPE_CHECKING:
    from pathlib import Path

_log = structlog.get_logger(__name__)


def run(file: Path, log: str) -> int:
    """Analyse until a signal asks for the end; the exit status. Raises ConfigError, WeightsError, BusError."""
    process = begin(file, "analyzer", log)
    one_thread_for_each_picture()
    signals, addresses = process.signals, process.addresses
    with ExitStack() as stack:
        detectors = Detectors(process.clock)
        stack.callback(detectors.close)
        bus = Publisher(addresses.analyzer)
        stack.callback(bus.close)
        database = Database.later(process.config.database, clock=process.clock)
        stack.callback(database.close)
        reporter = Reporter(SqlEventStore(database), SqlTracks(database), bus.news)
        live = LiveAnalysis(detectors, reporter, bus.news, process.clock)
        system = _System(live, detectors, database, process.clock)
        system.apply(process.config)
        while not signals.stopping:
            streams = live.streams
            with closing(Subscriber([addresses.recorder, addresses.server], packets=streams)) as hearing:
                # Whoever hears anew waits for a keyframe, so that is done only where it must be.
                while not signals.stopping and live.streams == streams:
                    live.run(hearing, lambda: signals.stopping or signals.reloading)
                    if signals.reload():
                        _reload(process, system)
        return 0 if live.close() else 1


def _reload(process: Process, system: _System) -> None:
    try:
        system.apply(process.reread())
    except VedetteError as error:
        _log.error("configuration not taken, the one before stays in force", why=str(error))


class Detectors(Mapping[str, DetectorService]):
    """Detectors by what they are configured as; cameras with the same one share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._services: dict[str, DetectorService] = {}

    def __getitem__(self, key: str) -> DetectorService:
        return self._services[key]

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator over keys
        return iter(tuple(self._services))

    def __len__(self) -> int:
        return len(self._services)

    def key_of(self, camera: Camera) -> str:
        """The key of a camera's detector, loaded if it is the first that wants it. Raises WeightsError."""
        spec, options = camera.config.detector
        key = rule_hash(options, spec.name)
        if key not in self._services:
            self._services[key] = DetectorService([detector_for(camera.config)], self._clock)
        return key

    def close(self) -> None:
        """End their threads."""
        for service in self._services.values():
            service.close()


class _System:
    """Carries a configuration over to the running analysis."""

    def __init__(self, live: LiveAnalysis, detectors: Detectors, database: Database, clock: Clock) -> None:
        self._live, self._detectors, self._clock = live, detectors, clock
        self._versions = SqlRuleVersions(database)
        self._setups: dict[str, CameraSetup] = {}

    def apply(self, config: SystemConfig) -> None:
        """Analyse as configured from now on; cameras of which nothing changed do not notice. Raises WeightsError."""
        wanted = [camera for camera in config.cameras if camera.analyzed is not None]
        setups = {camera.id: setup_for(camera, self._detectors.key_of(camera)) for camera in wanted}
        for gone in self._setups.keys() - setups.keys():
            self._live.remove(gone)
        for camera in wanted:
            setup = setups[camera.id]
            if _essence(setup) != _essence(self._setups.get(camera.id)):
                self._live.change(setup)
            for rule in camera.config.rules:
                self._keep(rule)
        self._setups = setups
        _log.info("analysing", cameras=len(setups), rules=sum(len(one.rules) for one in setups.values()))

    def _keep(self, rule: RuleDefinition) -> None:
        definition = canonical(rule.options)
        if not isinstance(definition, dict):
            return
        try:
            self._versions.put(RuleVersion(rule.hash, rule.spec.name, definition, self._clock.utc_ns()))
        except DatabaseError as error:
            _log.warning("the definition of a rule is not kept", rule=rule.id, why=str(error))


def _essence(setup: CameraSetup | None) -> object:
    return setup and (setup.stream, setup.look, setup.detector, [(rule.id, rule.hash) for rule in setup.rules])


def setup_for(camera: Camera, detector: str) -> CameraSetup:
    """How a camera is analysed, as configured; `detector` is the key of its detector."""
    config, masks = camera.config, Masks(camera.watch.masks)
    return CameraSetup(
        camera=camera.id,
        stream="sub" if camera.analyzed == "sub" else "main",
        look=_look(camera),
        detector=detector,
        analyzer=lambda shared, rules: analyzer_for(config, shared, masks, rules),
        decoding=partial(_decoding, camera, masks),
        rules=tuple(_live_rule(rule, camera) for rule in config.rules),
    )


def _look(camera: Camera) -> str:
    config, watch = camera.config, camera.watch
    analysis = config.analysis
    return json.dumps([config.view, analysis.fps, analysis.mode, watch.masks, watch.decoder, guarded(config)])


def _live_rule(rule: RuleDefinition, camera: Camera) -> LiveRule:
    return LiveRule(
        id=rule.id,
        hash=rule.hash,
        build=partial(built, rule, camera.config),
        severity=rule.options.severity,
        on_blind=rule.options.on_blind,
    )


def _decoding(camera: Camera, masks: Masks) -> DecodePolicy:
    config, decoder = camera.config, camera.watch.decoder
    options = DecodeOptions(
        idle=config.view != "moving" and config.analysis.mode == "gated",
        hardware=None if decoder == "software" else decoder,
    )
    return DecodePolicy(_CoveredProbe(masks), options, lambda: Pace(config.analysis.fps).takes)


class _CoveredProbe:
    """Motion where no mask is."""

    def __init__(self, masks: Masks) -> None:
        self._probe, self._masks = MotionProbe(), masks

    def moves(self, frame: Frame) -> bool:
        """Whether something moves in what is left of `frame`."""
        return self._probe.moves(replace(frame, image=self._masks.cover(frame.image)) if self._masks else frame)

    def restart(self) -> None:
        """Forget the frames before."""
        self._probe.restart()
