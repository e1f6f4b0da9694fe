"""A mount or network namespace of its own for the thread that runs a test, and for every process it starts there."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import pytest

_FLAGS: Final = {"mnt": 0x00020000, "net": 0x40000000}
_REFUSED: Final = {
    "mnt": "this machine lets nobody mount file systems of their own",
    "net": "this machine lets nobody have a network of their own",
}


def sh(*command: str | Path) -> str:
    """Run a command; what it prints. Raises CalledProcessError."""
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@contextmanager
def apart(kind: Literal["mnt", "net"]) -> Iterator[None]:
    """Leave the machine's namespace meanwhile; the test is skipped where nobody may."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = os.getcwd()
    home = os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(_FLAGS[kind]):
            pytest.skip(_REFUSED[kind])
        try:
            if kind == "mnt" and subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode:
                pytest.skip(_REFUSED[kind])
            yield
        finally:
            if libc.setns(home, _FLAGS[kind]):
                raise OSError(ctypes.get_errno(), "the namespace of the machine cannot be entered again")
            os.chdir(folder)
    finally:
        os.close(home)


def tmpfs(folder: Path, size: str) -> Path:
    """Mount an empty file system of `size` at `folder`, which is made; `folder`."""
    folder.mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", f"size={size}", "vedette", folder)
    return folder


_LOOP_SET_STATUS64: Final = 0x4C04
_LOOP_GET_STATUS64: Final = 0x4C05
_SIZE_LIMIT_AT: Final = 32
_STATUS_BYTES: Final = 232


class FailingDevice:
    """A real block device with a file system: what lies behind its first bytes can be made to fail with EIO.

    A loop device that is made smaller under its file system; what was written there before is there again afterwards.
    """

    def __init__(self, image: Path, folder: Path, size: int) -> None:
        self.folder = folder
        with image.open("wb") as file:
            file.truncate(size)
        sh("mkfs.ext4", "-q", "-b", "1024", "-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard", image)
        folder.mkdir(exist_ok=True)
        self.device = Path(sh("losetup", "--find", "--show", image))
        try:
            sh("mount", "-o", "errors=remount-ro", self.device, folder)
        except subprocess.CalledProcessError:
            self.close()
            raise

    def fail_from(self, offset: int) -> None:
        """Let every access behind `offset` fail; 0: none."""
        with self.device.open("rb") as device:
            status = bytearray(_STATUS_BYTES)
            fcntl.ioctl(device, _LOOP_GET_STATUS64, status)
            struct.pack_into("<Q", status, _SIZE_LIMIT_AT, offset)
            fcntl.ioctl(device, _LOOP_SET_STATUS64, status)

    def turn_read_only(self) -> None:
        """As the file system does by itself when it finds that something is wrong, also under files being written."""
        Path(f"/sys/fs/ext4/{self.device.name}/trigger_fs_error").write_text("a test", encoding="ascii")

    def mount_again(self) -> None:
        """Repair the file system and mount it anew."""
        sh("umount", "--lazy", self.folder)
        subprocess.run(["e2fsck", "-p", str(self.device)], check=False, capture_output=True)
        sh("mount", "-o", "errors=remount-ro", self.device, self.folder)

    def close(self) -> None:
        """Unmount it and take it down."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)
        subprocess.run(["losetup", "--detach", str(self.device)], check=False, capture_output=True)


@contextmanager
def failing_device(image: Path, folder: Path, size: int) -> Iterator[FailingDevice]:
    """A device at `folder`, for as long as it lasts; the test is skipped where none can be made."""
    tools = [tool for tool in ("losetup", "mkfs.ext4") if shutil.which(tool) is None]
    try:
        device = None if tools else FailingDevice(image, folder, size)
    except (subprocess.CalledProcessError, OSError):
        device = None
    if device is None:
        pytest.skip("this machine lets nobody make a block device that fails")
    try:
        yield device
    finally:
        device.fail_from(0)
        device.close()
