"""What a run leaves on disk: its journal, its run directory, and files that are written whole or not at all."""
