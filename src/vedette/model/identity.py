"""Numbers that are unique without asking anybody, so that recording never waits for a database."""

from __future__ import annotations

import random
from typing import Final

_RANDOM_BITS: Final = 22
_MS_NS: Final = 1_000_000


def new_id(utc_ns: int) -> int:
    """A positive 63-bit number: milliseconds since 1970 in its upper 41 bits, chance in the lower 22.

    Numbers made later are greater, except within a millisecond or after a clock was set back.
    """
    return (utc_ns // _MS_NS) << _RANDOM_BITS | random.SystemRandom().getrandbits(_RANDOM_BITS)


def made_utc_ns(number: int) -> int:
    """When `number` was made, to the millisecond."""
    return (number >> _RANDOM_BITS) * _MS_NS
