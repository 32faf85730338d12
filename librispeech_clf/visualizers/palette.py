"""Colours of the images: black for little, cream for much."""

import functools

import numpy as np


@functools.cache
def magma() -> np.ndarray:
    """Return the colour of each level, uint8 (256, 3), read-only.

    Source: matplotlib's "magma", of equal perceived steps.
    """
    import matplotlib

    colors = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3].copy()
    colors.setflags(write=False)
    return colors
