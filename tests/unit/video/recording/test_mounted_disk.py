"""A file system of its own that fills up, becomes read-only, is pulled out and comes back, in a mount namespace."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import subprocess, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from fakes_recording import MemoryLedger
from recorded_packets import UTC_NS, session
from recording_session import assert_in_order, cuts_of, record
from vedette.model.errors import StorageFull, StorageGone
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.recovery import recover

mount = Path(sys.argv[1])

def sh(*command):
    subprocess.run(command, check=True)

def refused(kind, seconds=8, first_id=1):
    before, written = set(ledger.segments), set()
    try:
        record(files, ledger, cuts_of(session(seconds), 1.0, 2.0), first_id=first_id,
               written=lambda fragment: written.add(fragment.sha256))
    except kind as error:
        print(type(error).__name__, error)
    else:
        raise AssertionError("nothing was refused")
    return written

def kept(written):
    return written <= {part.sha256 for each in ledger.segments.values() for part in each.fragments}

sh("mount", "-t", "tmpfs", "-o", "size=48k", "vedette", str(mount))
ledger = MemoryLedger()
files = DiskFiles.open(mount)
storage = files.storage.id
written = refused(StorageFull, 60)
assert written and kept(written)
assert_in_order(files, ledger)
assert files.free_bytes() < 20000

sh("mount", "-o", "remount,size=10m", str(mount))
record(files, ledger, cuts_of(session(2)), first_id=100)
sh("mount", "-o", "remount,ro", str(mount))
try:
    files.check()
except StorageGone as error:
    print(error)
else:
    raise AssertionError("a read-only disk went unnoticed")
assert refused(StorageGone, first_id=200) == set()
sh("mount", "-o", "remount,rw", str(mount))
files.check()
recover([files], ledger, UTC_NS)
assert_in_order(files, ledger)

(mount / "other").mkdir()
sh("umount", str(mount))
assert refused(StorageGone, first_id=300) == set()
assert list(mount.iterdir()) == [], "something was written into the folder under the disk"
sh("mount", "-t", "tmpfs", "vedette", str(mount))
DiskFiles.open(mount)
assert refused(StorageGone, first_id=400) == set()
print("done")
"""


def test_a_disk_that_does_what_disks_do(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    mine = [unshare or "unshare", "--map-root-user", "--mount"]
    if unshare is None or subprocess.run([*mine, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount file systems of their own")
    (tmp_path / "disk").mkdir()
    paths = [entry for entry in sys.path if entry]
    command = [*mine, sys.executable, "-c", SCRIPT, str(tmp_path / "disk"), *paths]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("done\n")
