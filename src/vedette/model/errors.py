"""The error tree.

    VedetteError                 something a person can act on; its text is one line that says what to do
    ├── UsageError               the request itself is wrong (exit status 2)
    │   └── ConfigError          a configuration or rules file is wrong
    └── OperationError           the request was fine, doing it failed (exit status 1)
        ├── SourceError          a video source cannot be opened or has no usable picture
        │   ├── SourceLost       it was open and ended before its time; what was read stays valid
        │   └── SourceDenied     it does not let us in: asking again soon may lock the account
        ├── WeightsError         a model file is missing, damaged or not of the stated form
        ├── DetectorError        a model loaded but its answer does not fit its declaration
        ├── OutputError          a result cannot be written
        ├── StorageError         a storage folder does not take or give what it should
        │   ├── StorageFull      no room is left
        │   ├── StorageGone      the disk has vanished, is another one, or may only be read
        │   ├── FileExists       a file of that name is there already
        │   └── FileMissing      a file that should be there is not
        ├── DatabaseError        the database does not answer, or is damaged
        │   └── DatabaseBusy     it is locked by somebody else; asking again may help
        └── BusError             the processes cannot reach each other

Adapters map foreign errors to these once, at their own border.
"""


class VedetteError(Exception):
    """Base of every error that Vedette raises on purpose. `str(error)` is one clear line."""


class UsageError(VedetteError):
    """The request is wrong; asking again the same way cannot help."""


class ConfigError(UsageError):
    """A configuration is wrong. The text names the key and what is allowed there."""


class OperationError(VedetteError):
    """The request was fine; carrying it out failed."""


class SourceError(OperationError):
    """A video source cannot be opened or read."""


class SourceLost(SourceError):
    """A source broke off. Everything read before stays valid."""


class SourceDenied(SourceError):
    """A source refuses the user name or password."""


class WeightsError(OperationError):
    """A model file is missing, damaged or unfit."""


class DetectorError(OperationError):
    """A detector's answer does not have the declared form."""


class OutputError(OperationError):
    """A result cannot be written."""


class StorageError(OperationError):
    """A storage folder does not take or give what it should."""


class StorageFull(StorageError):
    """No room is left."""


class StorageGone(StorageError):
    """The disk has vanished, is another one, or may only be read."""


class FileExists(StorageError):
    """A file of that name is there already."""


class FileMissing(StorageError):
    """A file that should be there is not."""


class DatabaseError(OperationError):
    """The database does not answer, or is damaged."""


class DatabaseBusy(DatabaseError):
    """The database is locked by somebody else; asking again may help."""


class BusError(OperationError):
    """The processes cannot reach each other."""
