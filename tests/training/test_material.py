"""From a data set to normalised windows."""

from __future__ import annotations

import pytest

from rcd_ros.planning.representation import Canonical
from rcd_ros.training.material import COMMAND_FLOOR, OBSERVATION_FLOOR, fit_normalizer
from tests.data.test_windows import MAZE, joined, wander


def test_goals_are_normalised_by_what_is_reached_not_by_what_was_asked() -> None:
    tracks = joined([wander(10), wander(3, number=5)], MAZE)
    fitted = fit_normalizer(tracks, tracks.starts(4, MAZE), MAZE, 1, Canonical(MAZE, (0.0,) * 6))
    assert fitted.observation_mean[4:] == pytest.approx(fitted.observation_mean[:2])
    assert fitted.observation_std[4:] == pytest.approx(fitted.observation_std[:2])


def test_what_never_changes_is_not_magnified() -> None:
    tracks = joined([wander(10)], MAZE)
    fitted = fit_normalizer(tracks, tracks.starts(4, MAZE), MAZE, 1, Canonical(MAZE, (0.0,) * 6))
    assert fitted.observation_std[3] == OBSERVATION_FLOOR
    assert fitted.command_std[3] == COMMAND_FLOOR
