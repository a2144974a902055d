"""What is checked beyond the verdict: does it hold under other encodings, and does the model's text hold at all."""
