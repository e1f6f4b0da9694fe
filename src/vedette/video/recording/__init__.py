"""From packets to files that survive everything, and back to order after a crash."""
