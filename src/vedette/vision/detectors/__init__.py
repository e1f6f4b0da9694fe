"""One file per engine, and the declarative adapter for users' own exports."""
