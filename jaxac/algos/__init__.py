"""Algorithms: one method a file."""
