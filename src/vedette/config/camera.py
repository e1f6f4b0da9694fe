"""One camera's block: what it sees, how it is analysed, and its rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from vedette.config.problems import InvalidConfig, Problem, shortened, worded
from vedette.config.reading import Document, Place, read
from vedette.config.rules import RuleDefinition, RuleReader, options_or_problems
from vedette.config.units import Units
from vedette.model.errors import ConfigError
from vedette.model.labels import COCO
from vedette.model.spec import STRICT, Spec
from vedette.plugins import get, suggestion

View = Literal["oblique", "overhead", "moving"]
Mode = Literal["gated", "whole"]
DEFAULT_DETECTOR: Final = "yolox-nano"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOptions:
    """How much is analysed.

    fps   frames a second to look at; None looks at every frame (`native` in a file)
    mode  `gated` looks where something moves or is followed, `whole` at every picture as a whole
    """

    fps: float | None = None
    mode: Mode = "gated"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """Everything that is configured for one camera.

    camera    name of the camera; None when the file names none
    detector  the detector's plug-in and its options
    timezone  where the camera's schedules and times of day are meant
    """

    camera: str | None
    view: View
    detector: tuple[Spec, Any]
    analysis: AnalysisOptions
    rules: tuple[RuleDefinition, ...]
    timezone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisBlock:
    """`analysis:` in a file.

    fps   `native` for every frame, or a number of frames a second
    mode  `gated` looks where something moves or is followed, `whole` at every picture as a whole
    """

    __pydantic_config__: ClassVar = STRICT

    fps: Literal["native"] | float = "native"
    mode: Mode = "gated"

    def __post_init__(self) -> None:
        if not isinstance(self.fps, str) and not 0.0 < self.fps <= 1000.0:
            raise ValueError(f"fps must be 'native' or a number above 0 and up to 1000, not {self.fps:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraBlock:
    """The keys of a rules file, and of each camera in `vedette.yaml`.

    camera    name of the camera, for reports
    view      how the camera looks: `oblique` at a slant, `overhead` straight down, `moving` when it is not fixed
    detector  `name` of the detector and its own options
    analysis  how much is analysed
    timezone  IANA name of the time zone in which schedules and times of day are meant
    units     `fraction` (0..1 of the picture) or `px`, for all rules that do not say otherwise
    frame     [width, height] of the picture that `units: px` is meant in
    rules     list of rules, each with `id`, `type` and the options of its type
    """

    __pydantic_config__: ClassVar = STRICT

    camera: str | None = None
    view: View = "oblique"
    detector: dict[str, Any] | None = None
    analysis: AnalysisBlock = AnalysisBlock()
    timezone: str = "UTC"
    units: Literal["fraction", "px"] = "fraction"
    frame: tuple[int, int] | None = None
    rules: tuple[Any, ...] = ()


_BLOCK: Final = Spec("camera", CameraBlock, CameraBlock)


def load(path: str | Path) -> CameraConfig:
    """The configuration in the YAML file at `path`. Raises ConfigError; InvalidConfig lists all that is wrong."""
    return of_document(read(Path(path)))


def from_mapping(values: Mapping[str, object], name: str = "rules") -> CameraConfig:
    """The same from plain values; `name` stands in messages. Raises ConfigError."""
    return of_document(Document(name, values))


def of_document(document: Document) -> CameraConfig:
    """The configuration in `document`. Raises ConfigError."""
    if not isinstance(document.value, Mapping):
        raise InvalidConfig(document.name, ["must hold keys with values, such as 'rules:' with a list of rules"])
    problems: list[Problem] = []
    config = configured(document.value, (), problems)
    if problems or config is None:
        raise InvalidConfig(document.name, worded(document, problems))
    return config


def configured(given: Mapping[str, object], place: Place, problems: list[Problem]) -> CameraConfig | None:
    """The camera's block `given`, which stands at `place`; None when it is unsound, and `problems` says why."""
    before = len(problems)
    block = _block(given, place, problems)
    timezone = timezone_of(block.timezone, place, problems)
    detector = _detector(block.detector or {}, place, problems)
    units = _units(block, place, problems)
    labels = None if detector is None else _labels_of(detector[1])
    rules = RuleReader(units, labels, problems, place).read(block.rules)
    if len(problems) > before or detector is None or timezone is None:
        return None
    return CameraConfig(
        camera=block.camera,
        view=block.view,
        detector=detector,
        analysis=AnalysisOptions(
            fps=None if isinstance(block.analysis.fps, str) else block.analysis.fps, mode=block.analysis.mode
        ),
        rules=rules,
        timezone=timezone,
    )


def _block(given: Mapping[str, object], place: Place, problems: list[Problem]) -> CameraBlock:
    """The block, with defaults in place of keys that are wrong, so that the rest can be looked at too."""
    found: list[Problem] = []
    block: CameraBlock | None = options_or_problems(_BLOCK, given, place, found)
    if block is None:
        wrong = {problem.at[len(place)] for problem in found if len(problem.at) > len(place)}
        rest = {key: value for key, value in given.items() if key not in wrong}
        block = options_or_problems(_BLOCK, rest, place, []) or CameraBlock()
    problems.extend(found)
    return block


def _units(block: CameraBlock, place: Place, problems: list[Problem]) -> Units:
    try:
        return Units(units=block.units, frame=block.frame)
    except ValueError as error:
        problems.append(Problem(place, str(error), "units" if block.frame is None else "frame"))
        return Units(units="px", frame=(1, 1))


def timezone_of(name: str, place: Place, problems: list[Problem]) -> ZoneInfo | None:
    """The time zone called `name`; None, and a problem at `place`, when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = suggestion(name, available_timezones()) or ": it is a name such as Europe/Berlin"
        problems.append(Problem((*place, "timezone"), f"unknown time zone '{shortened(name)}'{near}"))
        return None


def _detector(given: Mapping[str, object], place: Place, problems: list[Problem]) -> tuple[Spec, Any] | None:
    name = given.get("name", DEFAULT_DETECTOR)
    if not isinstance(name, str):
        problems.append(Problem((*place, "detector", "name"), f"must be text, not {shortened(name)}"))
        return None
    try:
        spec = get("detectors", name)
    except ConfigError as error:
        problems.append(Problem((*place, "detector"), str(error), "name"))
        return None
    own = {key: value for key, value in given.items() if key != "name"}
    options = options_or_problems(spec, own, (*place, "detector"), problems)
    return None if options is None else (spec, options)


def _labels_of(options: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - each plug-in has its own type
    """Class names a detector of these options answers with; None when only the detector itself can tell.

    A detector says them in an option `labels`: a list of names, or the path of a text file with one name a line. One
    without that option, or with a name of COCO's list there, answers with COCO's classes.
    """
    labels = getattr(options, "labels", "coco")
    if not isinstance(labels, str):
        return tuple(labels)
    if labels.startswith("coco"):
        return COCO
    try:
        lines = Path(labels).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return tuple(line.strip() for line in lines if line.strip())
