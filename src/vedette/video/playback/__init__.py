"""Recorded footage out again: spans, movies, playlists, pictures, exports."""
