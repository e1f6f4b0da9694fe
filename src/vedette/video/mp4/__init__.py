"""Fragmented MP4: headers, fragments, and reading both back."""
