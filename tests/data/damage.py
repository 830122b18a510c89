"""Seeded damage: bytes of files, and values in JSON or YAML."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.random import Generator

BAD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    7,
    2**31,
    10**30,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../../x",
    "\u65e5\u672c",
    [],
    [1, 2],
    ["a"],
    {},
    {"a": 1},
    [[[]]],
)


def damaged_bytes(content: bytes, random: Generator) -> bytes:
    """The content with some of its bytes changed, cut off, wiped out, doubled, or followed by others."""
    spoiled = bytearray(content)
    how = random.choice(["flip", "flip", "flip", "head", "cut", "wipe", "double", "append"])
    if how in ("flip", "head"):
        end = min(len(content), 512) if how == "head" else len(content)
        for place in random.integers(end, size=random.integers(1, 9)):
            spoiled[place] = random.integers(256)
        return bytes(spoiled)
    begin, end = np.sort(random.integers(len(content), size=2))
    end = min(int(end), int(begin) + 4096)
    if how == "cut":
        return content[:begin]
    if how == "append":
        return content + random.bytes(100)
    spoiled[begin:end] = bytes(end - begin) if how == "wipe" else 2 * content[begin:end]
    return bytes(spoiled)


def damaged_values(content: Any, random: Generator) -> Any:
    """The content with one of its values, somewhere within, replaced, removed or renamed."""
    spoiled = copy.deepcopy(content)
    container: Any = spoiled
    while True:
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        key = keys[random.integers(len(keys))]
        inner = container[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.15:
            break
        container = inner
    how = random.integers(10)
    if how == 0:
        del container[key]
    elif how == 1 and isinstance(container, dict):
        container[f"{key}x"] = container.pop(key)
    else:
        container[key] = BAD_VALUES[random.integers(len(BAD_VALUES))]
    return spoiled
