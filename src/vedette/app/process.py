"""What every process of the system begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from vedette.clock import SystemClock
from vedette.config import SystemConfig, load_system
from vedette.engine.addresses import Addresses
from vedette.engine.logs import LogForm, set_up_logs
from vedette.engine.processes import follow_supervisor
from vedette.engine.signals import Signals
from vedette.model.errors import OutputError

BUS: Final = "bus"


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has begun: its configuration, clock, signals and the addresses of the others."""

    file: Path
    config: SystemConfig
    clock: SystemClock
    signals: Signals
    addresses: Addresses

    def reread(self) -> SystemConfig:
        """The configuration as it is now, as far as a running process can take it over. Raises ConfigError."""
        return settled(load_system(self.file), self.config)


def begin(file: Path, part: str, log: str) -> Process:
    """Read the configuration, make the data folder, log, and take the signals. Raises ConfigError, OutputError."""
    clock = SystemClock()
    config = load_system(file)
    make_data_folder(config.data)
    set_up_logs(clock, process=part, form=cast(LogForm, log), secrets=secrets_of(config))
    signals = Signals()
    signals.install()
    follow_supervisor()
    return Process(file, config, clock, signals, Addresses(config.data / BUS))


def settled(new: SystemConfig, old: SystemConfig) -> SystemConfig:
    """`new`, but things lie where they did: another place is taken over by the next start."""
    same = [folder.path for folder in new.storage] == [folder.path for folder in old.storage]
    return replace(new, data=old.data, database=old.database, storage=new.storage if same else old.storage)


def make_data_folder(data: Path) -> None:
    """Make the folder for what only this system may read. Raises OutputError."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the data folder {data} cannot be made: {error.strerror}; name another with data:"
        ) from error


def secrets_of(config: SystemConfig) -> list[str]:
    """Passwords of cameras and database, which no log may show."""
    addresses = [address for camera in config.cameras for address in camera.streams.values()]
    written = [unquote(found) for address in (*addresses, config.database) if (found := _password(address))]
    return sorted({*written, *(camera.password for camera in config.cameras if camera.password)})


def _password(address: str) -> str | None:
    try:
        return urlsplit(address).password
    except ValueError:
        return None
