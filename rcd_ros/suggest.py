"""Nearest known names, for error messages about unknown ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], most: int = 3) -> str:
    """` (did you mean 'a' or 'b'?)` with the `most` nearest known names, or an empty string when none is near."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.5)
    return f" (did you mean {' or '.join(repr(match) for match in near)}?)" if near else ""
