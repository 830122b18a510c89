"""Standard normal noise that can be recomputed from a seed and a counter.

Philox's raw words are fixed by its specification (Salmon et al. 2011), whereas NumPy may change how
`Generator.standard_normal` uses them. The normals are made here by the Box-Muller transform: a plan stays
reproducible from (checkpoint, observation, seed, counter) across NumPy versions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError


def standard_normal(seed: int, counter: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Independent N(0, 1) values; each counter has a stream of its own.

    Args:
        seed: 0 <= seed < 2**128.
        counter: 0 <= counter < 2**64.
        shape: of the result.

    Raises:
        RcdError: seed or counter out of range.
    """
    if not 0 <= seed < 2**128 or not 0 <= counter < 2**64:
        raise RcdError(f"noise needs 0 <= seed < 2**128 and 0 <= counter < 2**64, got seed {seed}, counter {counter}")
    size = math.prod(shape)
    pairs = (size + 1) // 2
    # Philox counts upward in word 0; the plan's counter sits in word 1, so that streams cannot meet.
    raw = np.random.Philox(key=seed, counter=[0, counter, 0, 0]).random_raw(2 * pairs)
    uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius, angle = np.sqrt(-2.0 * np.log(uniform[:pairs])), 2.0 * np.pi * uniform[pairs:]
    normal = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))
    return normal[:size].reshape(shape).astype(np.float32)
