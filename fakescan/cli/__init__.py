"""The command line: one file a command, wired lazily in ``app``; only ``console`` knows Rich."""
