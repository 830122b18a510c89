"""How deeply a YAML text is nested, found out without building what it says: libyaml's loader overflows the stack."""

from __future__ import annotations

from typing import Any

import yaml

DEEPEST = 100
"""Levels; files of this package have about five."""
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_depth(text: str) -> None:
    """Refuse a text that is nested more than `DEEPEST` levels deep.

    Raises:
        ValueError: it is.
        yaml.YAMLError: it is not YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
