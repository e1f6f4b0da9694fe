"""One camera's loop. Knows ports, never adapters."""
