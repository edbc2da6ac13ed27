"""Finite decision processes, their exact solutions, and the same processes as environments."""
