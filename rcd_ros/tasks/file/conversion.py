"""Names and numbers as a topic or a data file has them, and their conversion: names of joints, SI units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

_DEGREE = math.pi / 180.0
UNITS: dict[str, tuple[str, float]] = {
    "rad": ("rad", 1.0),
    "deg": ("rad", _DEGREE),
    "turn": ("rad", 2.0 * math.pi),
    "m": ("m", 1.0),
    "cm": ("m", 0.01),
    "mm": ("m", 0.001),
    "rad/s": ("rad/s", 1.0),
    "deg/s": ("rad/s", _DEGREE),
    "rpm": ("rad/s", 2.0 * math.pi / 60.0),
    "m/s": ("m/s", 1.0),
    "cm/s": ("m/s", 0.01),
    "mm/s": ("m/s", 0.001),
    "N m": ("N m", 1.0),
    "N": ("N", 1.0),
    "1": ("1", 1.0),
    "percent": ("", 0.01),
}
"""Unit in a file -> its SI unit and the factor to it. Percent has no quantity; `scale` gives what 100 % is."""
POSE_UNITS, TWIST_UNITS = ("m",) * 3 + ("1",) * 4, ("m/s",) * 3 + ("rad/s",) * 3
"""SI units of a body's pose (position, quaternion) and twist (linear, angular)."""


class Section(BaseModel):
    """A mapping of a task file: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def as_list(value: object) -> object:
    """A single value or mapping as a list of one."""
    return [value] if isinstance(value, str | int | float | Mapping) else value


Names = Annotated[tuple[str, ...], BeforeValidator(as_list)]
PerJoint = float | dict[str, float] | tuple[float, ...]
"""One number for all, one for each, or some by name."""


class Conversion(Section):
    """From numbers as they are stored or sent to SI units: SI = unit's factor * scale * number + offset."""

    unit: str | dict[str, str] | tuple[str, ...] | None = Field(
        None, description="rad, deg, m, mm, cm, percent, rad/s, deg/s, m/s, ...; one, one each, or by joint name"
    )
    scale: PerJoint = 1.0
    offset: PerJoint = 0.0


class OnTopic(Conversion):
    """Names and numbers of joints in the messages of a topic."""

    prefix: str = Field("", description="before every joint's name on the topic, e.g. left_")
    names: dict[str, str] = Field({}, description="joint of this file -> its name on the topic, where they differ")


def to_si(
    conversion: Conversion, names: Sequence[str], units: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (n,) each, with SI = scale * number + offset.

    Args:
        conversion: what the file says.
        names: of the values, for what is said by name.
        units: SI unit of each value.

    Raises:
        RcdError: an unknown unit or name, one of another quantity, or a wrong number of them.
    """
    given = each_unit(conversion.unit, names)
    scale = each(conversion.scale, names, 1.0, "scale")
    for i, (unit, si) in enumerate(zip(given, units, strict=True)):
        if unit is None:
            continue
        if unit not in UNITS:
            raise RcdError(f"unknown unit '{unit}'{did_you_mean(unit, UNITS)}; known: {', '.join(UNITS)}")
        if si in ("rad/s", "m/s") and f"{unit}/s" in UNITS:  # deg of an entry with positions and velocities
            unit = f"{unit}/s"
        quantity, factor = UNITS[unit]
        if quantity and quantity != si:
            raise RcdError(f"'{names[i]}' is in {si}, the unit '{unit}' is of another quantity")
        scale[i] *= factor
    return scale, each(conversion.offset, names, 0.0, "offset")


def body_to_si(conversion: Conversion, units: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (n,) each of a body's pose or twist, whose unit is one of length: quaternions have none.

    Raises:
        RcdError: another unit.
    """
    scale = np.ones(len(units))
    if isinstance(conversion.unit, str):
        quantity, factor = UNITS.get(conversion.unit, ("", 1.0))
        if quantity != "m":
            raise RcdError(f"a body's unit is one of length, got '{conversion.unit}'")
        scale[:3] = factor
    return scale, np.zeros(len(units))


def each(given: PerJoint | None, names: Sequence[str], default: float, what: str) -> NDArray[np.float64]:
    """One number for each name, from one for all, one for each, or some by name.

    Raises:
        RcdError: a wrong number of them, or an unknown name.
    """
    if given is None:
        return np.full(len(names), default)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise RcdError(f"{what} has no '{name}'{did_you_mean(name, names)}; there are: {', '.join(names)}")
        return np.array([given.get(name, default) for name in names], np.float64)
    values = np.atleast_1d(np.asarray(given, np.float64))
    if values.size not in (1, len(names)):
        raise RcdError(f"{what} needs one value, or {len(names)}, got {values.size}")
    return values.repeat(len(names)) if values.size == 1 else values


def each_unit(given: str | Mapping[str, str] | Sequence[str] | None, names: Sequence[str]) -> list[str | None]:
    """The unit of each name; None where none is given.

    Raises:
        RcdError: a wrong number of units, or an unknown name.
    """
    if given is None or isinstance(given, str):
        return [given] * len(names)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise RcdError(f"unit has no '{name}'{did_you_mean(name, names)}; there are: {', '.join(names)}")
        return [given.get(name) for name in names]
    if len(given) != len(names):
        raise RcdError(f"unit needs one value, or {len(names)}, got {len(given)}")
    return list(given)


def names_on_topic(entry: OnTopic, joints: Sequence[str]) -> tuple[str, ...]:
    """The names of joints (or bodies) on a topic; empty where they are the file's own."""
    names = tuple(entry.names.get(joint, f"{entry.prefix}{joint}") for joint in joints)
    return () if names == tuple(joints) else names


def named(continuous: bool | Sequence[str], joints: Sequence[str]) -> tuple[str, ...]:
    """The joints that are continuous.

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
    """The values; empty where all are `neutral`."""
    return () if (values == neutral).all() else tuple(values.tolist())


def first_line(error: Exception) -> str:
    """The message of an error; of a pydantic error, its first mistake."""
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"]).removeprefix("Value error, ") if details is not None else str(error)
