"""Runners: the loops a family shares, as functions that an algorithm calls."""
