"""The error tree.

    VedetteError                 something a person can act on; its text is one line that says what to do
    ├── UsageError               the request itself is wrong (exit status 2)
    │   └── ConfigError          a configuration or rules file is wrong
    └── OperationError           the request was fine, doing it failed (exit status 1)
        ├── SourceError          a video source cannot be opened or has no usable picture
        │   └── SourceLost       it was open and ended before its time; what was read stays valid
        ├── WeightsError         a model file is missing, damaged or not of the stated form
        ├── DetectorError        a model loaded but its answer does not fit its declaration
        └── OutputError          a result cannot be written

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


class WeightsError(OperationError):
    """A model file is missing, damaged or unfit."""


class DetectorError(OperationError):
    """A detector's answer does not have the declared form."""


class OutputError(OperationError):
    """A result cannot be written."""
