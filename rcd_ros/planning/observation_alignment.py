"""Which of a source's values belong to a stamp of the clock channel: by the rule of its channels."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.observation_sources import Group, Rule, Source


class Aligner:
    """Chooses values by `Rule`: the same stamp within the tolerance, the newest until then, or the nearest."""

    def __init__(self, spec_tolerance: float | None, tolerance: float) -> None:
        """Allow stamps to differ by `tolerance` (s), or by the task's `spec_tolerance` where that is more."""
        self._spec_tolerance = spec_tolerance or 0.0
        self.set_tolerance(tolerance)

    def set_tolerance(self, tolerance: float) -> None:
        """Another tolerance (s) from now on."""
        self._tolerance = round(1e9 * max(tolerance, self._spec_tolerance))
        self._least_tolerance = round(1e9 * tolerance)

    def values(self, rule: Rule, source: Source, stamp: int) -> NDArray[np.float64] | None:
        """A source's values (k,) for the clock channel's stamp (ns), by its rule; None: there are none."""
        if source.stamp is None or source.values is None:
            return None
        tolerance = self._tolerance_of(rule)
        if rule.align == "stamp":
            return source.values if abs(source.stamp - stamp) <= tolerance else None
        moment, values = source.stamp, source.values
        if rule.align == "nearest":
            moment, values = min(source.recent, key=partial(distance, stamp))
        elif moment > stamp + tolerance:
            held = [entry for entry in source.recent if entry[0] <= stamp + tolerance]
            if not held:
                return None
            moment, values = held[-1]
        return None if rule.max_age is not None and abs(stamp - moment) > rule.max_age else values

    def problem(self, group: Group, lead_topic: str, lead: int) -> str:
        """Why a group has no values for the clock channel's stamp `lead` (ns), as a sentence; empty when it has."""
        for source in group.sources.values():
            if source.stamp is not None and self.values(group.rule, source, lead) is None:
                return self._sentence(group, lead_topic, source.stamp - lead)
        return ""

    def _sentence(self, group: Group, lead_topic: str, ahead: int) -> str:
        what = f"the stamps of '{group.topic}' are {abs(ahead) * 1e-6:.3g} ms {'ahead of' if ahead > 0 else 'behind'}"
        if group.topic == lead_topic:
            what += " others on the same topic"
        else:
            what += f" those of '{lead_topic}'"
        if group.rule.align == "stamp":
            tolerance = self._tolerance_of(group.rule) * 1e-6
            needed = math.ceil(abs(ahead) * 1e-6) * 1e-3
            return f"{what}, at most {tolerance:g} ms are allowed: set stamp_tolerance to {needed:g} or more (s)"
        if group.rule.max_age is None:
            return f"{what}: there is no value to hold yet"
        return f"{what}, the task's max_age is {group.rule.max_age * 1e-6:g} ms"

    def _tolerance_of(self, rule: Rule) -> int:
        return self._tolerance if rule.tolerance is None else max(rule.tolerance, self._least_tolerance)


def distance(moment: int, observed: tuple[int, NDArray[np.float64]]) -> int:
    """How far (ns) something observed is from a moment (ns)."""
    return abs(observed[0] - moment)
