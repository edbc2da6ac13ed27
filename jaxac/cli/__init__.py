"""The command line: one file a command group, and no logic of its own."""
