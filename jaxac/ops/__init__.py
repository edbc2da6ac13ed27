"""Operators: one file a role, a role is one signature."""
