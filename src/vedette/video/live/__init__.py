"""Live pictures to any number of viewers."""
