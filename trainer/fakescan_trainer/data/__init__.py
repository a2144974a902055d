"""Training data: the MMFR layout, its validation, augmentation and cached features."""
