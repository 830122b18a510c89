"""What `rcd bench realtime` compares: planners by name, and speeds of the simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

LOCKSTEP: Literal["lockstep"] = "lockstep"
Speed = float | Literal["lockstep"]
"""Simulated seconds a second, or that the simulation waits."""


@dataclass(frozen=True)
class Contender:
    """A planner to be scored: `student`, or `teacher:NFE` with `nfe` network evaluations per plan asked for."""

    name: str
    nfe: int = 1

    @property
    def kind(self) -> Literal["student", "teacher"]:
        """Which network plans."""
        return "student" if self.name == "student" else "teacher"


def parse_contenders(text: str) -> list[Contender]:
    """Planners from names with commas between them, each once.

    Raises:
        RcdError: a name that is neither `student` nor `teacher:NFE`.
    """
    return list(dict.fromkeys(_contender(name.strip()) for name in text.split(",")))


def _contender(name: str) -> Contender:
    if name == "student":
        return Contender(name)
    kind, _, nfe = name.partition(":")
    if kind != "teacher" or not nfe:
        raise RcdError(
            f"unknown planner '{name}'{did_you_mean(kind, ('student', 'teacher'))}: name student, or teacher:NFE with "
            "the network evaluations per plan, such as teacher:80"
        )
    if not nfe.isdecimal() or int(nfe) < 1:
        raise RcdError(f"'{name}': a plan of the teacher needs at least one network evaluation, such as teacher:80")
    return Contender(f"teacher:{int(nfe)}", int(nfe))


def parse_speeds(text: str) -> list[float]:
    """Speeds from numbers with commas between them, each once, in their order.

    Raises:
        RcdError: something else than a finite number above 0.
    """
    speeds = []
    for part in text.split(","):
        try:
            speed = float(part)
        except ValueError:
            speed = math.nan
        if not (math.isfinite(speed) and speed > 0.0):
            raise RcdError(f"a speed must be a number above 0, got '{part.strip()}': 1 is life, 8 eight times as fast")
        speeds.append(speed)
    return list(dict.fromkeys(speeds))
