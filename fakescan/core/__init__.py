"""The words that everything else speaks: types, stages, attributes, calibration, policy. Standard library only."""
