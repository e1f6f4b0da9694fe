import json
from pathlib import Path

import av
import pytest
import typer
import yaml
from typer.testing import CliRunner

from vedette.cli.simulate import register
from vedette.config.camera import load
from vedette.model.errors import OutputError, UsageError
from vedette.simulator.render import simulate

SMALL = {"seconds": 4.0, "fps": 5.0, "size": (320, 180)}


def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)
    register(made)
    return made


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_command_writes_video_truth_and_rules(tmp_path: Path) -> None:
    out = tmp_path / "new" / "shop"
    arguments = ["simulate", "shop-entrance", "-o", str(out), "--seconds", "4", "--fps", "5", "--size", "320x180"]
    result = CliRunner().invoke(app(), [*arguments, "--seed", "3", "--people", "8", "--light", "dusk"])
    assert result.exit_code == 0, result.output
    assert frames(out / "video.mp4") == 20
    truth = json.loads((out / "truth.json").read_text())
    assert truth["video"] == {"width": 320, "height": 180, "fps": 5.0, "frames": 20, "duration_s": 4.0}
    assert (truth["scene"], truth["seed"], truth["light"]) == ("shop-entrance", 3, "dusk")
    assert len(truth["people_per_frame"]) == 20
    for line, counts in truth["counts"].items():
        for direction, count in counts.items():
            happened = [c for c in truth["crossings"] if (c["line"], c["direction"]) == (line, direction)]
            assert len(happened) == count
    rows = [row.split(",") for row in (out / "truth.txt").read_text().splitlines()]
    assert rows
    assert all(len(row) == 9 for row in rows)
    assert {int(row[0]) for row in rows} <= set(range(1, 21))
    assert all(float(row[2]) >= 0 and float(row[2]) + float(row[4]) <= 320.01 for row in rows)


@pytest.mark.parametrize("scene", ["shop-entrance", "fence-line"])
def test_the_rules_file_is_one_that_vedette_reads(tmp_path: Path, scene: str) -> None:

    simulate(scene, tmp_path, **SMALL)  # type: ignore[arg-type]
    given = yaml.safe_load((tmp_path / "rules.yaml").read_text())
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert {rule.id for rule in load(tmp_path / "rules.yaml").rules} == {rule["id"] for rule in given["rules"]}
    lines = {rule["id"]: rule["line"] for rule in given["rules"] if rule["type"] == "line_crossing"}
    assert lines == {name: line["points"] for name, line in truth["lines"].items()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate("fence-line", tmp_path / name, seed=7, light="night", **SMALL)  # type: ignore[arg-type]
    for file in ("video.mp4", "truth.json", "truth.txt", "rules.yaml"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_an_interruption_leaves_valid_files_cut_to_what_was_written(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 20
        if done == 7:
            raise KeyboardInterrupt

    truth = simulate("shop-entrance", tmp_path, progress=stop, **SMALL)  # type: ignore[arg-type]
    assert truth.frames == 7
    assert frames(tmp_path / "video.mp4") == 7
    written = json.loads((tmp_path / "truth.json").read_text())
    assert written["video"]["frames"] == 7
    assert all(crossing["t_s"] <= 7 / 5 for crossing in written["crossings"])
    assert max(int(row.split(",")[0]) for row in (tmp_path / "truth.txt").read_text().splitlines()) <= 7


def test_crossings_are_the_same_at_every_frame_rate(tmp_path: Path) -> None:
    slow = simulate("shop-entrance", tmp_path / "slow", seconds=20, fps=1, size=(160, 90), people=10)
    fast = simulate("shop-entrance", tmp_path / "fast", seconds=20, fps=4, size=(160, 90), people=10)
    assert slow.crossings == fast.crossings
    assert slow.visits == fast.visits
    assert len(slow.crossings) > 2


def test_wrong_requests_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="known are shop-entrance, fence-line"):
        simulate("garden", tmp_path)
    with pytest.raises(UsageError, match="fps must lie between"):
        simulate("shop-entrance", tmp_path, fps=0)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot make the folder"):
        simulate("shop-entrance", tmp_path / "file" / "out", **SMALL)  # type: ignore[arg-type]
    result = CliRunner().invoke(app(), ["simulate", "shop-entrance", "-o", str(tmp_path), "--size", "big"])
    assert isinstance(result.exception, UsageError)
    help_text = CliRunner().invoke(app(), ["simulate", "--help"]).output
    assert "fence-line" in help_text


def test_tiny_pictures_can_be_drawn(tmp_path: Path) -> None:
    """A shadow four pixels high was once taken for four numbers."""
    truth = simulate("fence-line", tmp_path, seed=7, people=1, seconds=90.0, fps=2.0, size=(192, 108))
    assert truth.frames == 180
