"""Training of forensic vision-language models by the paper's method (LM + FACL + CPM)."""
