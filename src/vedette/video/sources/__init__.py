"""One file per way that video comes in."""
