"""Live analysis: packets of many cameras to events, incidents and tracks."""
