"""The registry, and what every registered plug-in has to keep to."""

import subprocess
import sys
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import pytest
from pydantic import ValidationError

from vedette import plugins
from vedette.model.errors import ConfigError
from vedette.model.spec import STRICT, Kind, Spec
from vedette.plugins import Catalogue, get, read_options, source_for, source_name, specs

KINDS: tuple[Kind, ...] = get_args(Kind.__value__ if hasattr(Kind, "__value__") else Kind)
EVERY = [(kind, name) for kind in KINDS for name in specs(kind)]
BUILT_IN = {
    "sources": {"file", "rtsp", "sim", "webcam"},
    "detectors": {"onnx", "yolox-nano"},
    "rules": {"count", "dwell", "heat_map", "intrusion", "line_crossing", "loitering", "occupancy", "region"},
    "notifiers": set[str](),
}
EXAMPLES: dict[str, object] = {
    "id": "a",
    "of": ["b"],
    "line": [[0.5, 0.0], [0.5, 1.0]],
    "zone": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]],
    "model": "model.onnx",
    "decoder": "yolox",
    "input": {"size": [64, 64]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_built_ins_come_through_the_same_door(kind: Kind) -> None:
    assert set(specs(kind)) >= BUILT_IN[kind]


def test_listing_names_imports_no_plug_in() -> None:
    script = (
        "import sys; from vedette.plugins import specs\n"
        "names = [n for k in ('sources', 'detectors', 'rules', 'notifiers') for n in specs(k)]\n"
        "assert 'line_crossing' in names and 'rtsp' in specs('sources'), names\n"
        "loaded = [m for m in sys.modules if m in ('av', 'cv2', 'onnxruntime') or m.startswith('vedette.analytics')]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def example(spec: Spec) -> dict[str, object]:
    """The least that the options of `spec` can be made of."""
    required = [e.name for e in fields(spec.options) if e.default is MISSING and e.default_factory is MISSING]
    return {name: EXAMPLES[name] for name in required}


@pytest.mark.parametrize(("kind", "name"), EVERY)
class TestEveryPlugin:
    def test_is_a_spec_with_frozen_options(self, kind: Kind, name: str) -> None:
        spec = get(kind, name)
        assert spec.name == name
        assert is_dataclass(spec.options)
        assert spec.options.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert spec.summary, "a line for lists and reference pages"

    def test_refuses_unknown_keys(self, kind: Kind, name: str) -> None:
        spec = get(kind, name)
        given = example(spec) | {"no_such_option": 1}
        with pytest.raises(ValidationError) as refused:
            read_options(spec, given)
        assert [error["loc"] for error in refused.value.errors()] == [("no_such_option",)]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=["nan", "inf"])
    def test_refuses_nan_and_infinity_wherever_a_number_is_allowed(self, kind: Kind, name: str, bad: float) -> None:
        spec = get(kind, name)
        hints = get_type_hints(spec.options)
        for key in (entry.name for entry in fields(spec.options) if float in leaves(hints[entry.name])):
            with pytest.raises(ValidationError) as refused:
                read_options(spec, example(spec) | {key: poisoned(hints[key], bad)})
            found = {error["type"] for error in refused.value.errors() if error["loc"][:1] == (key,)}
            assert "finite_number" in found, key

    def test_documents_every_option(self, kind: Kind, name: str) -> None:
        options = get(kind, name).options
        text = "".join(base.__doc__ or "" for base in options.__mro__ if is_dataclass(base))
        missing = [e.name for e in fields(options) if e.name not in text]
        assert not missing


def leaves(hint: object) -> set[object]:
    """The plain types a type is made of, those of nested options left out (they are refused by themselves)."""
    arguments = get_args(hint)
    return {leaf for argument in arguments for leaf in leaves(argument)} if arguments else {hint}


def poisoned(hint: object, bad: float) -> object:
    """A value of type `hint` with `bad` in place of its numbers."""
    arguments = get_args(hint)
    if hint is float:
        return bad
    if get_origin(hint) is tuple and arguments[-1] is ...:
        return [poisoned(arguments[0], bad)] * 3
    if get_origin(hint) is tuple:
        return [poisoned(part, bad) for part in arguments]
    if get_origin(hint) is dict:
        return {"key": poisoned(arguments[1], bad)}
    return next(poisoned(part, bad) for part in arguments if float in leaves(part))


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown rule type 'line_crossin': known are .*did you mean 'line_crossing'"
    ):
        get("rules", "line_crossin")
    with pytest.raises(ConfigError, match=r"unknown detector 'zzz': known are onnx, yolox-nano$"):
        get("detectors", "zzz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of the plug-ins of this test."""

    __pydantic_config__: ClassVar = STRICT
    number: float = 0.0


GOOD = Spec("good", Options, Options)
NOT_A_SPEC = "just text"


def catalogue(**values: str) -> Catalogue:
    entries = [EntryPoint(name, value, "vedette.rules") for name, value in values.items()]
    return Catalogue("rules", entries)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_package.rule:SPEC", "rule type 'good' cannot be loaded from no_such_package.rule:SPEC: No module"),
        ("vedette.model.spec:NOTHING", "rule type 'good' cannot be loaded .* has no attribute 'NOTHING'"),
        ("vedette.model.labels:COCO", "COCO is tuple, not a vedette Spec"),
        ("broken_plugin:SPEC", "rule type 'good' cannot be loaded from broken_plugin:SPEC: it was not made with care"),
        ("misnamed_plugin:SPEC", "misnamed_plugin:SPEC calls itself 'other'"),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_is_one_clear_line(
    value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('it was not made\\nwith care')")
    (tmp_path / "misnamed_plugin.py").write_text(
        "from vedette.model.spec import Spec\nSPEC = Spec('other', object, object)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=message) as failed:
        catalogue(good=value)["good"]
    assert "\n" not in str(failed.value)


def test_two_packages_with_one_name_are_refused_by_name() -> None:
    twice = [EntryPoint("good", value, "vedette.rules") for value in ("a:SPEC", "b:SPEC")]
    with pytest.raises(ConfigError, match="provided twice, by a:SPEC and b:SPEC"):
        Catalogue("rules", twice)["good"]


def test_one_plug_in_declared_twice_is_one() -> None:
    twice = [EntryPoint("line_crossing", "vedette.analytics.rules.line_crossing:SPEC", "vedette.rules")] * 2
    assert Catalogue("rules", twice)["line_crossing"].name == "line_crossing"


def test_a_catalogue_is_a_mapping() -> None:
    found = catalogue(b="b:SPEC", a="a:SPEC")
    assert list(found) == ["a", "b"]
    assert (len(found), "a" in found, "c" in found) == (2, True, False)
    with pytest.raises(KeyError):
        found["c"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("clip.mp4", "file"),
        ("/videos/a:b.mp4", "file"),
        ("a:b.mp4", "file"),
        ("file:///videos/clip.mp4", "file"),
        ("rtsp://10.0.0.2/stream", "rtsp"),
        ("RTSPS://10.0.0.2/stream", "rtsp"),
        ("webcam:0", "webcam"),
        ("sim:shop-entrance?seed=3", "sim"),
        ("gopher://old", "gopher"),
    ],
)
def test_the_scheme_chooses_the_source(address: str, name: str) -> None:
    assert source_name(address) == name


def test_a_source_is_built_from_its_address_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(options: Options, address: str) -> tuple[float, str]:
        return options.number, address

    spec = Spec("file", Options, build)
    monkeypatch.setattr(plugins, "get", lambda kind, name: spec)  # noqa: ARG005
    made: Any = source_for("clip.mp4", {"number": 2.5})
    assert made == (2.5, "clip.mp4")
    with pytest.raises(ConfigError, match="source 'file': numbr: "):
        source_for("clip.mp4", {"numbr": 2.5})


def test_an_unknown_scheme_names_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"unknown source 'rtps'.*did you mean 'rtsp'"):
        source_for("rtps://10.0.0.2/stream")


@pytest.mark.parametrize("value", ["1", True, None, [1]])
def test_values_are_not_bent_into_shape(value: object) -> None:
    with pytest.raises(ValidationError):
        read_options(GOOD, {"number": value})
    assert read_options(GOOD, {"number": 1}) == Options(number=1.0)
