"""The scenes that can be drawn, one file each."""
