"""File layers for tests: a disk in memory that forgets what was not synced, and one that fails when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final, Literal

from vedette.model.errors import FileExists, FileMissing, StorageError, StorageFull, StorageGone
from vedette.model.recording import Storage
from vedette.model.recording_ports import Files, WritableFile

STORAGE: Final = "5f0c7c52-7c35-4d0e-9d6c-000000000001"

Loss = Literal["nothing", "everything", "half", "zeros", "names"]
"""What is lost of what was not synced: `nothing` (the process was killed, the machine runs on); `everything`; of every
last write the second `half`; the content but not the size, so that the file reads as `zeros`; the `names` only."""
LOSSES: Final[tuple[Loss, ...]] = ("nothing", "everything", "half", "zeros", "names")


@dataclass
class _Node:
    """A file: what is on the disk, and what the machine believes."""

    kept: bytes = b""
    now: bytes = b""
    last: int = 0


def _quiet(step: str) -> None:
    """Nobody listens."""


@dataclass
class MemoryDisk:
    """Implements `Files`. `before` hears the name of every step that changes something, before it is done."""

    storage: Storage = field(default_factory=lambda: Storage(STORAGE, "/memory"))
    before: Callable[[str], None] = _quiet
    _names: dict[str, _Node] = field(default_factory=dict)
    _kept_names: dict[str, _Node] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    room: int = 1 << 40

    def copied(self) -> MemoryDisk:
        """The same disk, apart from this one: as it is after the process was killed, with the machine running on."""
        nodes = {id(node): node for names in (self._names, self._kept_names) for node in names.values()}
        twins = {number: replace(node) for number, node in nodes.items()}
        disk = MemoryDisk(self.storage)
        disk._names = {path: twins[id(node)] for path, node in self._names.items()}
        disk._kept_names = {path: twins[id(node)] for path, node in self._kept_names.items()}
        return disk

    def after_power_cut(self, loss: Loss, tear: int | None = None) -> MemoryDisk:
        """The disk as the next start finds it. `tear`: bytes that stay of each last write, for `half`."""
        if loss == "nothing":
            return self.copied()
        names = self._kept_names
        if loss in {"half", "zeros"}:
            # Names may have reached the disk by themselves; files that were taken away may be back.
            names = {**self._kept_names, **self._names}
        disk = MemoryDisk(self.storage)
        for path, node in names.items():
            content = _left(node, loss, tear)
            disk._names[path] = disk._kept_names[path] = _Node(content, content)
        return disk

    def _step(self, name: str) -> None:
        self.before(name)
        self.steps.append(name)

    def create(self, path: PurePosixPath) -> WritableFile:
        self._step(f"create {path}")
        if str(path) in self._names:
            raise FileExists(f"{path} is there already")
        node = self._names[str(path)] = _Node()
        return _MemoryFile(self, path, node)

    def append(self, path: PurePosixPath) -> WritableFile:
        return _MemoryFile(self, path, self._node(path))

    def unlink(self, path: PurePosixPath) -> None:
        self._step(f"unlink {path}")
        self._names.pop(str(path), None)

    def sync_folder(self, path: PurePosixPath) -> None:
        self._step(f"sync folder {path}")
        inside = {name for name in {*self._names, *self._kept_names} if PurePosixPath(name).parent == path}
        for name in inside:
            if name in self._names:
                self._kept_names[name] = self._names[name]
            else:
                del self._kept_names[name]

    def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        now = self._node(path).now
        return now[offset:] if size is None else now[offset : offset + size]

    def size(self, path: PurePosixPath) -> int | None:
        node = self._names.get(str(path))
        return None if node is None else len(node.now)

    def files(self) -> Iterator[PurePosixPath]:
        return iter([PurePosixPath(name) for name in self._names if name.endswith(".mp4")])

    def free_bytes(self) -> int:
        return self.room

    def check(self) -> None:
        pass

    def put(self, path: str, content: bytes) -> None:
        """A file that is simply there."""
        self._names[path] = self._kept_names[path] = _Node(content, content)

    def take(self, path: str) -> None:
        """A file that has simply vanished."""
        self._names.pop(path, None)
        self._kept_names.pop(path, None)

    def _node(self, path: PurePosixPath) -> _Node:
        if str(path) not in self._names:
            raise FileMissing(f"{path} is not there")
        return self._names[str(path)]


def _left(node: _Node, loss: Loss, tear: int | None) -> bytes:
    if loss == "everything" or node.kept.startswith(node.now):
        return node.kept
    start = len(node.kept) if node.now.startswith(node.kept) else 0
    if loss == "half":
        written = len(node.now) - start
        return node.now[: start + (written // 2 if tear is None else min(tear, written))]
    if loss == "zeros":
        return node.now[:start] + bytes(len(node.now) - start)
    return node.now


class _MemoryFile:
    def __init__(self, disk: MemoryDisk, path: PurePosixPath, node: _Node) -> None:
        self._disk, self._path, self._node = disk, path, node

    def write(self, data: bytes) -> None:
        self._disk._step(f"write {self._path}")
        if len(data) > self._disk.room:
            self._node.now += data[: self._disk.room]
            self._disk.room = 0
            raise StorageFull("no room is left")
        self._disk.room -= len(data)
        self._node.now += data

    def sync(self, *, whole: bool = False) -> None:
        self._disk._step(f"{'sync whole' if whole else 'sync'} {self._path}")
        self._node.kept = self._node.now

    def truncate(self, size: int) -> None:
        self._disk._step(f"truncate {self._path}")
        self._node.now = self._node.now[:size]

    def close(self) -> None:
        pass


Trouble = Literal["full", "gone", "broken"]
"""`full`: writing fails, making room does not; `gone`: everything fails from then on; `broken`: that one step fails."""


@dataclass
class FailingDisk:
    """A `Files` whose step number `at` fails, counted from 0; a failing write leaves half of its data behind."""

    inner: MemoryDisk
    at: int
    trouble: Trouble
    count: int = 0

    @property
    def storage(self) -> Storage:
        return self.inner.storage

    def _step(self, *, makes: bool) -> bool:
        """Whether this step fails. Raises by itself what fails without leaving anything behind."""
        number, self.count = self.count, self.count + 1
        if self.trouble == "gone":
            return number >= self.at
        if self.trouble == "full":
            return number >= self.at and makes
        return number == self.at

    def error(self) -> StorageError:
        kinds = {"full": StorageFull, "gone": StorageGone, "broken": StorageError}
        return kinds[self.trouble](f"the disk is {self.trouble}")

    def create(self, path: PurePosixPath) -> WritableFile:
        if self._step(makes=True):
            raise self.error()
        return _FailingFile(self, self.inner.create(path))

    def append(self, path: PurePosixPath) -> WritableFile:
        return _FailingFile(self, self.inner.append(path))

    def unlink(self, path: PurePosixPath) -> None:
        if self._step(makes=False):
            raise self.error()
        self.inner.unlink(path)

    def sync_folder(self, path: PurePosixPath) -> None:
        if self._step(makes=False):
            raise self.error()
        self.inner.sync_folder(path)

    def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        return self.inner.read(path, offset, size)

    def size(self, path: PurePosixPath) -> int | None:
        return self.inner.size(path)

    def files(self) -> Iterator[PurePosixPath]:
        return self.inner.files()

    def free_bytes(self) -> int:
        return self.inner.free_bytes()

    def check(self) -> None:
        if self.trouble == "gone" and self.count > self.at:
            raise self.error()


class _FailingFile:
    def __init__(self, disk: FailingDisk, inner: WritableFile) -> None:
        self._disk, self._inner = disk, inner
        self._grown = False

    def write(self, data: bytes) -> None:
        self._grown = True
        if self._disk._step(makes=True):
            self._inner.write(data[: len(data) // 2])
            raise self._disk.error()
        self._inner.write(data)

    def sync(self, *, whole: bool = False) -> None:
        # Space is often only looked for when data goes to the disk.
        if self._disk._step(makes=self._grown):
            raise self._disk.error()
        self._inner.sync(whole=whole)
        self._grown = False

    def truncate(self, size: int) -> None:
        if self._disk._step(makes=False):
            raise self._disk.error()
        self._inner.truncate(size)
        self._grown = False

    def close(self) -> None:
        self._inner.close()


def as_files(disk: MemoryDisk | FailingDisk) -> Files:
    """Seen as what it implements, so that the type checker compares the two."""
    return disk
