"""Analysing one file, stream or recording: what `vedette analyze` runs."""

from __future__ import annotations

import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from vedette.app.looking import analyzer_for, detector_for
from vedette.clock import SystemClock
from vedette.config import CameraConfig, RuleDefinition, from_mapping, load
from vedette.engine.pace import Pace
from vedette.model.errors import OperationError, SourceError, UsageError
from vedette.model.media import Frame, StreamInfo
from vedette.model.ports import Detector, Stream
from vedette.plugins import source_for
from vedette.reports.outputs import Ending, Outputs, RuleView, summarise
from vedette.reports.summary import ModelSummary, Performance, SourceSummary, Summary, Tally

Progress = Callable[[float, StreamInfo], None]
"""Called after each analysed frame with the stream seconds reached and what is known of the source."""

_FOREVER_S = 1e9  # thirty years; nanoseconds of it are still whole numbers


def analyze(
    source: str | Path,
    rules: str | Path | Mapping[str, object] | CameraConfig | None = None,
    out: str | Path | None = None,
    *,
    fps: float | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    video: bool = True,
    progress: Progress | None = None,
) -> Summary:
    """Analyse one file, stream or recording through the same pipeline as live cameras.

    source   a file's path, or an address such as `rtsp://...`, `webcam:0` or `sim:shop-entrance`
    rules    a rules file, the same as plain values, or None to follow objects without any rule
    out      folder for events, tracks, report and so on; None writes nothing
    fps      analyse so many frames a second; None takes what the rules say, every frame by default
    start_s, end_s   analyse only this stretch of stream time
    video    also write the annotated video

    Raises ConfigError and UsageError for a wrong request, SourceError, WeightsError and OutputError where something
    fails. When the source breaks off (SourceLost) or on Ctrl-C everything found until then has been written, and a note
    on the exception says where. Nothing in `out` is touched before the source and the detector are ready.
    """
    config = _configured(rules)
    _check_stretch(start_s, end_s, fps)
    with ExitStack() as stack:
        stream = source_for(str(source)).open()
        stack.callback(stream.close)
        detector = detector_for(config)
        views = [_view(rule, config.view) for rule in config.rules]
        outputs = stack.enter_context(Outputs(Path(out), info=stream.info, rules=views, video=video)) if out else None
        run = _Run(stream, config, detector, Pace(fps or config.analysis.fps), outputs or Tally(views))
        failure = run.through(start_s, end_s, progress)
        ending = run.ending(str(source), failure)
        summary = outputs.close(ending) if outputs else summarise(run.tally, ending)
    if failure is not None:
        if outputs and summary.source.frames:
            failure.add_note(f"What was found until then is in {out}")
        raise failure
    return summary


def _configured(rules: str | Path | Mapping[str, object] | CameraConfig | None) -> CameraConfig:
    if isinstance(rules, CameraConfig):
        return rules
    if rules is None or isinstance(rules, Mapping):
        return from_mapping(rules or {})
    return load(rules)


def _check_stretch(start_s: float, end_s: float | None, fps: float | None) -> None:
    if not 0.0 <= start_s <= _FOREVER_S:
        raise UsageError(f"the start must be a number of seconds and not negative, not {start_s:g}")
    if end_s is not None and not start_s < end_s <= _FOREVER_S:
        raise UsageError(f"the end must be a number of seconds after the start ({start_s:g} s), not {end_s:g}")
    if fps is not None and not 0.0 < fps <= 1000.0:
        raise UsageError(f"fps must be above 0 and at most 1000, not {fps:g}")


def _view(rule: RuleDefinition, view: str) -> RuleView:
    options = rule.options
    return RuleView(
        id=rule.id,
        type=rule.spec.name,
        hash=rule.hash,
        line=getattr(options, "line", None) or (),
        zone=getattr(options, "zone", None) or (),
        names=getattr(options, "names", {}),
        entrances=getattr(options, "entrances", {}),
        labels=options.labels,
        severity=options.severity,
        anchor=options.anchor or ("center" if view == "overhead" else "bottom"),
    )


@dataclass(slots=True)
class _Seen:
    """How far a run has come."""

    frames: int = 0
    first_s: float | None = None
    last_s: float = 0.0

    def take(self, frame: Frame) -> None:
        self.frames += 1
        self.first_s = frame.at.stream_s if self.first_s is None else self.first_s
        self.last_s = frame.at.stream_s

    def duration_s(self, fps: float) -> float:
        """From the first frame to the end of the last."""
        return self.last_s - (self.first_s or 0.0) + (1.0 / fps if fps > 0.0 and self.frames else 0.0)


class _Run:
    """One pass over one stream."""

    def __init__(
        self, stream: Stream, config: CameraConfig, detector: Detector, pace: Pace, sink: Outputs | Tally
    ) -> None:
        self._detector = detector
        self._analyzer = analyzer_for(config, detector)
        self._stream, self._pace, self._sink = stream, pace, sink
        self._clock = SystemClock()
        self._began_ns, self._cpu_ns = self._clock.monotonic_ns(), self._clock.cpu_ns()
        self._seen = _Seen()
        self._values: Mapping[str, Mapping[str, object]] = {}

    @property
    def tally(self) -> Tally:
        """Counts of the run."""
        return self._sink.tally if isinstance(self._sink, Outputs) else self._sink

    def through(
        self, start_s: float, end_s: float | None, progress: Progress | None
    ) -> OperationError | KeyboardInterrupt | None:
        """Analyse to the end; the answer is what cut it short, if anything did."""
        failure: OperationError | KeyboardInterrupt | None = None
        try:
            for frame in self._stream.frames(start_s, end_s):
                with _undivided():
                    analyzed = self._take(frame)
                if analyzed and progress:
                    progress(frame.at.stream_s, self._stream.info)
        except (SourceError, KeyboardInterrupt) as error:
            failure = error
        before = self._analyzer.values()
        last = self._analyzer.finish()
        if last is not None:
            self._sink.take(last)
        self._values = _with_present(self._analyzer.values(), before)
        if failure is None and not self._seen.frames:
            return SourceError(_nothing_seen(self._stream.info, start_s, end_s))
        return failure

    def _take(self, frame: Frame) -> bool:
        self._seen.take(frame)
        if not self._pace.takes(frame.at):
            return False
        self._sink.take(self._analyzer.step(frame))
        return True

    def ending(self, path: str, failure: BaseException | None) -> Ending:
        """The figures of the run."""
        info = self._stream.info
        name, sha256 = self._detector.model
        return Ending(
            source=SourceSummary(
                path=path,
                width=info.width,
                height=info.height,
                frames=self._seen.frames,
                duration_s=self._seen.duration_s(info.fps),
                fps=info.fps,
            ),
            performance=self._performance(),
            model=ModelSummary(name=name, sha256=sha256),
            values=self._values,
            complete=failure is None,
            note=_note(failure, self._seen.last_s),
        )

    def _performance(self) -> Performance:
        return Performance(
            wall_s=(self._clock.monotonic_ns() - self._began_ns) / 1e9,
            cpu_s=(self._clock.cpu_ns() - self._cpu_ns) / 1e9,
            frames_decoded=self._seen.frames,
            frames_analyzed=self._analyzer.analyzed,
            inferences=self._analyzer.inferences,
            peak_rss_mb=_peak_rss_mb(),
        )


@contextmanager
def _undivided() -> Iterator[None]:
    """Ctrl-C waits until the block is done, so that all files tell of the same frames; a second one does not wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    pressed = False

    def remember(number: int, stack: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            signal.default_int_handler(number, stack)
        pressed = True

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _peak_rss_mb() -> float:
    """Most memory this process has held. On Linux `ru_maxrss` survives `exec`, so the kernel's own figure is read."""
    with suppress(OSError), Path("/proc/self/status").open() as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _with_present(
    after: Mapping[str, Mapping[str, object]], before: Mapping[str, Mapping[str, object]]
) -> dict[str, Mapping[str, object]]:
    """The last figures, but who is inside `now` as of the last picture: the end of a video empties no room."""
    return {
        rule: {**values, **({"now": before[rule]["now"]} if "now" in before.get(rule, {}) else {})}
        for rule, values in after.items()
    }


def _nothing_seen(info: StreamInfo, start_s: float, end_s: float | None) -> str:
    if start_s == 0.0 and end_s is None:
        return f"{info.name}: no picture came: check that it plays"
    stretch = f"from {start_s:g} s on" if end_s is None else f"from {start_s:g} to {end_s:g} s"
    lasts = "" if info.duration_s is None else f", it lasts {info.duration_s:.1f} s"
    return f"{info.name}: there is no picture {stretch}{lasts}: choose another start or end"


def _note(failure: BaseException | None, reached_s: float) -> str:
    if failure is None:
        return ""
    if isinstance(failure, KeyboardInterrupt):
        return f"interrupted after {reached_s:.1f} s of video"
    return f"ended after {reached_s:.1f} s of video: {failure}"


__all__: Sequence[str] = ["Progress", "analyze", "analyzer_for"]
