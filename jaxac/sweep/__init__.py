"""Sweeps: from a table of runs to the fewest compiled programs."""
