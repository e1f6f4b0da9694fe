"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vedette.model.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place to write to, which gets the name `path` when the block ends well and is removed when it does not.

    Raises OutputError when there is a file of that name already, before and after the block, or it cannot be made.
    """
    if path.exists():
        raise _taken(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        # Unlike a rename, a link never takes the place of a file that somebody else has made meanwhile.
        os.link(draft, path)
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; check the folder and its space") from error
    finally:
        draft.unlink(missing_ok=True)


def save(pieces: Iterable[bytes], path: Path) -> int:
    """Write `pieces` to a new file and answer its size. Raises OutputError, and what reading the pieces raises."""
    size = 0
    with whole_file(path) as draft, draft.open("xb") as file:
        for piece in pieces:
            size += file.write(piece)
    return size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _taken(path: Path) -> OutputError:
    return OutputError(f"{path} exists already and is not overwritten; choose another name")
