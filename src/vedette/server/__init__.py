"""The HTTP interface: a process of its own that reads what the others write, and never holds them up."""
