"""Measuring a model while and after it is trained."""
