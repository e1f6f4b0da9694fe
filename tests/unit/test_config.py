from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import rule
from vedette import config
from vedette.config import InvalidConfig, from_mapping, load, rule_hash
from vedette.config.reading import MAX_BYTES, parse
from vedette.model.errors import ConfigError

CONTRACT = """\
detector: {name: yolox-nano, min_score: 0.3}
analysis: {fps: native}          # or a number
rules:
  - {id: gate, type: line_crossing, line: [[0.42, 0.0], [0.42, 1.0]], labels: [person],
     names: {forward: west, backward: east}}
  - {id: yard, type: intrusion, zone: [[0.1,0.5],[0.6,0.5],[0.6,1],[0.1,1]], labels: [person, vehicle], dwell_s: 2}
"""


@pytest.fixture
def written(tmp_path: Path) -> Any:  # noqa: ANN401
    def write(text: str | bytes) -> Path:
        path = tmp_path / "rules.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems(text: str, tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfig) as refused:
        load(path)
    return refused.value.problems


def test_the_file_of_the_contract(written: Any) -> None:  # noqa: ANN401
    found = load(written(CONTRACT))
    gate, yard = found.rules
    assert (gate.id, gate.spec.name, gate.options.names) == (
        "gate",
        "line_crossing",
        {"forward": "west", "backward": "east"},
    )
    assert gate.options.line == ((0.42, 0.0), (0.42, 1.0))
    assert (yard.options.labels, yard.options.dwell_s) == (("person", "vehicle"), 2.0)
    assert found.detector[0].name == "yolox-nano"
    assert found.detector[1].min_score == 0.3
    assert (found.view, found.analysis.fps, found.analysis.mode, found.timezone) == (
        "oblique",
        None,
        "gated",
        ZoneInfo("UTC"),
    )


def test_an_empty_block_is_all_defaults() -> None:
    found = from_mapping({})
    assert found.rules == ()
    assert found.detector[0].name == "yolox-nano"


def test_everything_that_may_be_said(written: Any) -> None:  # noqa: ANN401
    text = (
        "camera: front door\nview: overhead\ntimezone: Europe/Berlin\nanalysis: {fps: 5, mode: whole}\n"
        "rules:\n  - id: gate\n    type: line_crossing\n    line: [[0, 0.5], [1, 0.5]]\n    severity: alarm\n"
        "    schedule: [{start: 22:00, end: 06:30, days: [sat, sun]}]\n"
    )
    found = load(written(text))
    (gate,) = found.rules
    assert (found.camera, found.view, found.timezone.key) == ("front door", "overhead", "Europe/Berlin")
    assert (found.analysis.fps, found.analysis.mode) == (5.0, "whole")
    assert (gate.options.schedule[0].start.hour, gate.options.schedule[0].end.minute) == (22, 30)


WRONG = {
    "unknown key of a rule": (
        "rules:\n  - id: gate\n    type: line_crossing\n    line: [[0.5, 0], [0.5, 1]]\n    lables: [person]\n",
        "line 5: rules[0] 'gate': unknown key 'lables'; did you mean 'labels'?",
    ),
    "unknown key at the top": ("rule: []\n", "line 1: unknown key 'rule'; did you mean 'rules'?"),
    "unknown key far inside": (
        "rules:\n- {id: a, type: line_crossing, line: [[0, 0], [0, 1]],\n"
        "   schedule: [{start: 01:00, end: 02:00, day: [sat]}]}\n",
        "line 3: rules[0] 'a': schedule[0]: unknown key 'day'; did you mean 'days'?",
    ),
    "unknown type": (
        "rules:\n- id: a\n  type: tripwire\n",
        "line 3: rules[0] 'a': unknown rule type 'tripwire': known are count, dwell, heat_map, intrusion, "
        "line_crossing, loitering, occupancy, region, tamper",
    ),
    "no type": (
        "rules:\n- id: a\n",
        "line 2: rules[0] 'a': 'type' is missing: it is one of count, dwell, heat_map, intrusion, line_crossing, "
        "loitering, occupancy, region, tamper",
    ),
    "no id": (
        "rules:\n- type: line_crossing\n  line: [[0, 0], [0, 1]]\n",
        "line 2: rules[0]: 'id' is missing",
    ),
    "duplicate ids": (
        "rules:\n- {id: a, type: line_crossing, line: [[0, 0], [0, 1]]}\n"
        "- {id: a, type: line_crossing, line: [[0, 0], [1, 1]]}\n",
        "line 3: rules[1] 'a': the id 'a' is already taken by rules[0]: every rule needs its own",
    ),
    "a line of one point": (
        "rules:\n- {id: a, type: line_crossing, line: [[0.5, 0]]}\n",
        "line 2: rules[0] 'a': a line needs at least two points [x, y]",
    ),
    "a line of no length": (
        "rules:\n- {id: a, type: line_crossing, line: [[0.5, 0], [0.5, 0]]}\n",
        "line 2: rules[0] 'a': a line needs a length: its points are all the same",
    ),
    "a polygon of two points": (
        "rules:\n- {id: a, type: intrusion, zone: [[0.1, 0], [0.5, 1]]}\n",
        "line 2: rules[0] 'a': a zone needs at least three points [x, y]",
    ),
    "nan": (
        "rules:\n- id: a\n  type: line_crossing\n  line: [[0.5, .nan], [0.5, 1]]\n",
        "line 4: rules[0] 'a': line[0][1]: must be a finite number, not nan",
    ),
    "text for a number": (
        "rules:\n- {id: a, type: line_crossing, line: [[0.5, 'x'], [0.5, 1]]}\n",
        "line 2: rules[0] 'a': line[0][1]: must be a number, not 'x'",
    ),
    "half a point": (
        "rules:\n- {id: a, type: line_crossing, line: [[0.5], [0.5, 1]]}\n",
        "line 2: rules[0] 'a': line[0]: has too few values: [0.5]",
    ),
    "unknown label": (
        "rules:\n- {id: a, type: line_crossing, line: [[0, 0], [0, 1]], labels: [person, vehicel]}\n",
        "line 2: rules[0] 'a': labels[1]: unknown label 'vehicel' (did you mean 'vehicle'?)",
    ),
    "labels without a list": (
        "rules:\n- {id: a, type: line_crossing, line: [[0, 0], [0, 1]], labels: person}\n",
        "line 2: rules[0] 'a': labels: must be a list, such as [a, b], not 'person'",
    ),
    "pixels unannounced": (
        "rules:\n- {id: a, type: line_crossing, line: [[320, 0], [320, 480]]}\n",
        "line 2: rules[0] 'a': line: coordinates are fractions of the picture, 0 to 1; for pixels add units: px and "
        "frame: [width, height]",
    ),
    "pixels of what": (
        "units: px\nrules: []\n",
        "line 1: units: px needs the size of the picture it is meant in: frame: [width, height]",
    ),
    "view": (
        "view: overhed\n",
        "line 1: view: must be 'oblique', 'overhead' or 'moving', not 'overhed' (did you mean 'overhead'?)",
    ),
    "fps": ("analysis: {fps: fast}\n", "line 1: analysis.fps: must be 'native' or a number, not 'fast'"),
    "no fps": (
        "analysis: {fps: 0}\n",
        "line 1: analysis: fps must be 'native' or a number above 0 and up to 1000, not 0",
    ),
    "detector": (
        "detector: {name: yolo-nano}\n",
        "line 1: detector: unknown detector 'yolo-nano': known are onnx, yolox-nano (did you mean 'yolox-nano'?)",
    ),
    "option of the detector": (
        "detector: {name: yolox-nano, minscore: 1}\n",
        "line 1: detector: unknown key 'minscore'; did you mean 'min_score'?",
    ),
    "time zone": (
        "timezone: Europe/Berln\n",
        "line 1: timezone: unknown time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)",
    ),
    "path as time zone": (
        "timezone: ../../etc/passwd\n",
        "line 1: timezone: unknown time zone '../../etc/passwd': it is a name such as Europe/Berlin",
    ),
    "rules without a list": ("rules: {id: a}\n", "line 1: rules: must be a list, such as [a, b], not {'id': 'a'}"),
    "a rule that is text": ("rules: [gate]\n", "line 1: rules[0]: must be a mapping of keys to values, not gate"),
    "a list at the top": ("- 1\n", "must hold keys with values, such as 'rules:' with a list of rules"),
}


@pytest.mark.parametrize("case", WRONG, ids=list(WRONG))
def test_what_is_wrong_is_told_with_its_line(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    assert message in problems(text, tmp_path)


@pytest.mark.parametrize("case", WRONG, ids=list(WRONG))
def test_one_fault_is_one_problem(case: str, tmp_path: Path) -> None:
    assert len(problems(WRONG[case][0], tmp_path)) == 1


def test_all_problems_are_found_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "view: up\nrules:\n- {id: a, type: nope}\n- {id: b, type: line_crossing, line: 3}\ntimezone: Mars\n"
    found = problems(text, tmp_path)
    assert [line.split(":")[0] for line in found] == ["line 1", "line 3", "line 4", "line 5"]
    with pytest.raises(ConfigError, match=r"rules.yaml: line 1: view: .* \(and 3 more\)$"):
        load(tmp_path / "rules.yaml")


YAML_REFUSED = {
    "a tag that would run code": (
        "rules: !!python/object/apply:os.system [echo hacked]\n",
        "line 1: the tag .* is not allowed",
    ),
    "a harmless tag": ("view: !!str oblique\n", "line 1: the tag .* is not allowed"),
    "a tag of its own": ("rules:\n- !rule {id: a}\n", "line 2: the tag '!rule' is not allowed"),
    "duplicate keys": (
        "view: oblique\nrules: []\nview: moving\n",
        r"line 3: the key 'view' is there twice \(first on line 1\)",
    ),
    "broken brackets": ("rules: [1, 2\nview: x: y\n", "line [12]: not valid YAML"),
    "a tab": ("rules:\n\t- a\n", "line 2: not valid YAML"),
    "nothing": ("# only a comment\n", "is empty"),
    "two documents": ("view: oblique\n---\nview: moving\n", "line 2: not valid YAML: but found another document"),
    "no plain key": ("? [a, b]\n: 1\n", "line 1: a key must be plain text"),
    "unknown alias": ("view: *v\n", "line 1: not valid YAML: found undefined alias"),
    "an alias of itself": ("rules: &a [*a]\n", "nested deeper"),
    "a long number": ("rules: " + "1" * 5000 + "\n", "line 1: a number that long"),
    "deep": ("rules: " + "[" * 500 + "]" * 500 + "\n", "nested deeper than 32"),
    "wide": ("rules: [" + "1," * 30_000 + "]\n", "more than 20000 values"),
    "aliases": ("a: &a 1\nrules: [" + "*a," * 60 + "]\n", "more than 50 aliases"),
    "a control character": ("view: \x07\n", "not valid YAML"),
}


@pytest.mark.parametrize("case", YAML_REFUSED, ids=list(YAML_REFUSED))
def test_yaml_that_is_refused(case: str, written: Any) -> None:  # noqa: ANN401
    text, message = YAML_REFUSED[case]
    with pytest.raises(ConfigError, match=message) as refused:
        load(written(text))
    assert "\n" not in str(refused.value)


def test_a_bomb_of_aliases_is_defused(written: Any) -> None:  # noqa: ANN401
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    layers += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 6)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="with its aliases it holds more than 20000 values"):
        load(written("\n".join(layers)))


def test_a_file_too_large_is_not_read(written: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load(written("#" * (MAX_BYTES + 1)))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe\x00rules", "not text in UTF-8"), (b"\x00\x01\x02", "not valid YAML")],
)
def test_what_is_no_text_is_told(content: bytes, message: str, written: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigError, match=message):
        load(written(content))


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_plain_values_are_read_as_they_look() -> None:
    text = "a: no\nb: on\nc: 12:30\nd: 010\ne: 1e3\nf: ~\ng: true\nh: 2026-11-22\ni: -.5\nj: 0x10\nk: '1'\nl:\n"
    assert parse(text, "t").value == {
        "a": "no", "b": "on", "c": "12:30", "d": 10, "e": 1000.0, "f": None, "g": True,
        "h": "2026-11-22", "i": -0.5, "j": "0x10", "k": "1", "l": None,
    }  # fmt: skip


def test_an_alias_is_a_copy(written: Any) -> None:  # noqa: ANN401
    text = (
        "rules:\n- {id: a, type: line_crossing, line: &l [[0, 0], [0, 1]]}\n- {id: b, type: line_crossing, line: *l}\n"
    )
    first, second = load(written(text)).rules
    assert first.options.line == second.options.line


class TestUnits:
    def test_pixels_become_fractions(self) -> None:
        given = rule(line=[[320, 0], [320, 480]], units="px", frame=[640, 480])
        (gate,) = from_mapping({"rules": [given]}).rules
        assert gate.options.line == ((0.5, 0.0), (0.5, 1.0))

    def test_the_whole_file_may_be_in_pixels(self) -> None:
        rules = [rule(line=[[320, 0], [320, 480]]), rule(id="own", line=[[0.5, 0], [0.5, 1]], units="fraction")]
        first, second = from_mapping({"units": "px", "frame": [640, 480], "rules": rules}).rules
        assert first.options.line == second.options.line

    def test_every_key_that_holds_points_is_converted(self) -> None:
        zone = {"id": "z", "type": "region", "zone": [[0, 0], [64, 0], [64, 48]], "units": "px", "frame": [64, 48]}
        (found,) = from_mapping({"rules": [zone]}).rules
        assert found.options.zone == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))

    def test_a_little_over_the_edge_is_no_pixel(self) -> None:
        (gate,) = from_mapping({"rules": [rule(line=[[0.5, -0.2], [0.5, 1.2]])]}).rules
        assert gate.options.line[1] == (0.5, 1.2)


class TestHash:
    def test_it_depends_on_the_meaning_not_the_writing(self) -> None:
        plain, spelled, pixels, ordered = from_mapping(
            {
                "rules": [
                    rule(id="gate"),
                    rule(id="gate2", band=0.1, min_age_s=0.3),
                    rule(id="gate3", line=[[320, 0], [320, 480]], units="px", frame=[640, 480]),
                    dict(reversed(list(rule(id="gate4").items()))),
                ]
            }
        ).rules
        names = {rule_hash(_renamed(found.options), found.spec.name) for found in (plain, spelled, pixels, ordered)}
        assert len(names) == 1

    @pytest.mark.parametrize(
        "change",
        [{"band": 0.2}, {"labels": ["person"]}, {"line": [[0.4, 0], [0.5, 1]]}, {"id": "b"}, {"severity": "info"}],
    )
    def test_every_change_of_meaning_changes_it(self, change: dict[str, object]) -> None:
        before, after = (from_mapping({"rules": [rule(**more)]}).rules[0].hash for more in ({}, change))
        assert before != after

    def test_it_is_sixteen_hexadecimal_digits_and_stays_what_it_was(self) -> None:
        (gate,) = from_mapping({"rules": [rule()]}).rules
        assert len(gate.hash) == 16
        assert gate.hash == rule_hash(gate.options, "line_crossing")
        int(gate.hash, 16)

    def test_the_type_is_part_of_it(self) -> None:
        zone = {"id": "z", "zone": [[0, 0], [1, 0], [1, 1]]}
        kinds = ("region", "dwell")
        hashes = {from_mapping({"rules": [{**zone, "type": kind}]}).rules[0].hash for kind in kinds}
        assert len(hashes) == 2


def _renamed(options: Any) -> Any:  # noqa: ANN401
    return replace(options, id="same")


def test_labels_of_a_model_of_ones_own() -> None:
    detector = {
        "name": "onnx", "model": "m.onnx", "decoder": "yolox", "input": {"size": [64, 64]}, "labels": ["forklift"],
    }  # fmt: skip
    found = from_mapping({"detector": detector, "rules": [rule(labels=["forklift", "mover"])]})
    assert found.rules[0].options.labels == ("forklift", "mover")
    with pytest.raises(ConfigError, match=r"unknown label 'person': known are vehicle, animal, forklift"):
        from_mapping({"detector": detector, "rules": [rule(labels=["person"])]})


def test_labels_in_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("forklift\npallet\n")
    detector = {
        "name": "onnx", "model": "m.onnx", "decoder": "yolox", "input": {"size": [64, 64]},
        "labels": str(tmp_path / "names.txt"),
    }  # fmt: skip
    from_mapping({"detector": detector, "rules": [rule(labels=["pallet"])]})
    with pytest.raises(ConfigError, match="did you mean 'pallet'"):
        from_mapping({"detector": detector, "rules": [rule(labels=["palet"])]})


def test_rules_that_refer_to_others_need_them() -> None:
    count = {"id": "total", "type": "count", "of": ["gate"]}
    assert len(from_mapping({"rules": [rule(), count]}).rules) == 2
    with pytest.raises(
        ConfigError,
        match=r"rules\[1\] 'total': rule 'total' refers to 'gat', which does not exist: did you mean 'gate'",
    ):
        from_mapping({"rules": [rule(), {**count, "of": ["gat"]}]})


def test_values_that_no_file_could_hold_are_refused() -> None:
    with pytest.raises(ConfigError, match="no plain value"):
        from_mapping({"rules": [rule(band=object())]})


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        config.camera.of_document(parse(text, "any"))
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["person", "px", "gate", "count", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "line", "x"]), inner),
    max_leaves=8,
)
KEYS = ["camera", "view", "detector", "analysis", "timezone", "units", "frame", "rules", "other"]
RULE_KEYS = ["id", "type", "line", "zone", "labels", "units", "frame", "schedule", "names", "of", "x"]


@given(
    block=st.dictionaries(st.sampled_from(KEYS), plain, max_size=5),
    rules=st.lists(
        st.dictionaries(st.sampled_from(RULE_KEYS), plain | st.sampled_from(["line_crossing", "count"])), max_size=3
    ),
)
def test_any_values_are_accepted_or_refused_with_words(block: dict[str, object], rules: list[object]) -> None:
    try:
        from_mapping(block | {"rules": rules})
    except ConfigError as error:
        assert str(error).startswith("rules: ")  # noqa: PT017
