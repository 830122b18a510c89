"""Environments of others' libraries, where the machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rcd_ros.benchmarks.other_environment import OtherEnvironment
from rcd_ros.errors import RcdError


def python_of(environment: OtherEnvironment) -> Path:
    """Its Python: the one that RCD_<NAME>_PYTHON names, or the one that `--install` made; skips without one."""
    named = os.environ.get(f"RCD_{environment.name.upper()}_PYTHON")
    try:
        return environment.find(Path(named) if named else None)
    except RcdError as error:
        pytest.skip(str(error))
