"""From a path to a picture that is safe to look at: find files, tell what they are, decode them behind a wall."""
