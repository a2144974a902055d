"""Weights of the score that tells art from photographs, made by ``benchmarks/kinds.py --fit``: no hand has set them.

Ridge logistic regression on the split "train" of the development data (2,507 pictures, at most 30 of a source and
content); the bias is such that of the photographs in sources that a fit did not see, 3 % count as art.
"""

ART_BIAS = 2.5516
ART_WEIGHTS = (
    *(0.760, -0.342, 0.033, -1.965, -0.778, -0.084, 3.915),  # brightness steps, 128 px
    *(0.951, -1.209, 0.213, -0.509, -0.446, 0.027, 0.469),  # brightness steps, 64 px
    *(-1.161, -0.692, -0.308, 0.314, 0.956, 3.981),  # blue-difference steps
    *(-1.174, -0.965, -0.006, 0.618, 2.315, 4.554),  # red-difference steps
    *(-0.820, -0.587, -0.025, -0.993, 0.034, -0.536, -0.358),  # saturation
    *(1.176, -1.454, 0.375, -0.800, -1.732, -0.521, -0.323, -1.566),  # value
    *(-0.912, -0.644, -0.473, -0.295, 0.724, -0.617),  # vividness
    *(-0.649, 0.608),  # different colours, and the commonest one
    *(-0.355, -0.041, 0.591, 1.069, 0.985, 0.730, 0.433, 1.377),  # grain at full size
    0.631,  # equal neighbours at full size
)
