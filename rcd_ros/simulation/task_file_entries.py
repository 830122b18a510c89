"""What entries of `observe` and `command` have in common: names on the topic, continuous joints, factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.simulation.task_file import ObserveEntry, OnTopic
from rcd_ros.suggest import did_you_mean


def names_on_topic(entry: OnTopic, joints: Sequence[str]) -> tuple[str, ...]:
    """What a topic calls the joints (or bodies); nothing where it calls them as the file does.

    Raises:
        RcdError: `names` names another joint.
    """
    for joint in entry.names:
        if joint not in joints and not isinstance(entry, ObserveEntry):
            raise RcdError(f"names has no joint '{joint}'{did_you_mean(joint, joints)}")
    names = tuple(entry.names.get(joint, f"{entry.prefix}{joint}") for joint in joints)
    return () if names == tuple(joints) else names


def named(continuous: bool | Sequence[str], joints: Sequence[str]) -> tuple[str, ...]:
    """Those of the joints that are continuous.

    Raises:
        RcdError: another joint is named.
    """
    if isinstance(continuous, bool):
        return tuple(joints) if continuous else ()
    for joint in continuous:
        if joint not in joints:
            raise RcdError(f"continuous has no joint '{joint}'{did_you_mean(joint, joints)}")
    return tuple(continuous)


def unless(values: NDArray[np.float64], neutral: float) -> tuple[float, ...]:
    """The values, or nothing where all of them change nothing."""
    return () if (values == neutral).all() else tuple(values.tolist())


def first_line(error: Exception) -> str:
    """The words of an error; of pydantic's, those of its first mistake."""
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"]).removeprefix("Value error, ") if details is not None else str(error)
