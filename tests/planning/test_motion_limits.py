"""Where a robot's limits come from, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import Interface
from rcd_ros.planning.checkpoint import read_manifest
from rcd_ros.planning.limits import MotionLimits
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.spec import MotionSpec, TaskSpec
from tests.planning.tiny import tiny_manifest, tiny_spec

KITCHEN = Path(__file__).parents[2] / "models" / "kitchen-complete"


def commanded_by(interface: Interface) -> TaskSpec:
    spec = tiny_spec()
    return spec.model_copy(update={"command": spec.command.model_copy(update={"interface": interface})})


def test_the_commands_own_limits_always_hold() -> None:
    wide = {"velocity": [9.0], "position_lower": [-9.0], "position_upper": [9.0]}
    assert MotionLimits.of(commanded_by("velocity"), wide).velocity_upper.tolist() == [2.0, 2.0]
    assert MotionLimits.of(commanded_by("position"), wide).position_lower.tolist() == [-2.0, -2.0]
    effort = MotionLimits.of(commanded_by("effort"), wide)
    assert effort.velocity_upper.tolist() == [2.0, 2.0] and np.isinf(effort.position_upper).all()


def test_parameters_win_over_the_checkpoint_and_what_neither_says_is_unlimited() -> None:
    spec = tiny_spec().model_copy(update={"motion": MotionSpec(velocity=(1.0, 1.5), acceleration=(5.0, 6.0))})
    limits = MotionLimits.of(spec, {"acceleration": [3.0], "velocity": []})
    assert limits.velocity_upper.tolist() == [1.0, 1.5]
    assert limits.acceleration.tolist() == [3.0, 3.0]
    assert np.isinf(limits.jerk).all() and np.isinf(limits.position_lower).all()
    assert np.isinf(MotionLimits.of(tiny_spec()).acceleration).all()


def test_the_margin_is_kept_free_on_both_sides() -> None:
    limits = MotionLimits.of(tiny_spec(), {"position_lower": [-1.0], "position_upper": [2.0]}, position_margin=0.1)
    assert limits.position_lower == pytest.approx([-0.9, -0.9])
    assert limits.position_upper == pytest.approx([1.9, 1.9])


@pytest.mark.parametrize(
    ("overrides", "margin", "why"),
    [
        ({"acceleration": [0.0]}, 0.0, "acceleration.*elbow.*0"),
        ({"velocity": [1.0, -1.0]}, 0.0, "velocity.*wrist.*-1"),
        ({"velocity": [1.0, 1.0, 1.0]}, 0.0, "velocity.*2.*3"),
        ({"jerk": [float("nan")]}, 0.0, "jerk.*NaN"),
        ({"jerk": [100.0]}, 0.0, "elbow.*jerk.*acceleration"),
        ({"speed": [1.0]}, 0.0, "speed"),
        ({"position_lower": [1.0], "position_upper": [1.0]}, 0.0, "elbow.*1.*1"),
        ({"position_lower": [-0.1], "position_upper": [0.1]}, 0.1, r"elbow.*-0\.1.*0\.1.*0\.1"),
        ({}, -0.1, r"-0\.1"),
    ],
)
def test_unusable_limits_are_refused(overrides: dict[str, Any], margin: float, why: str) -> None:
    with pytest.raises(RcdError, match=why):
        MotionLimits.of(tiny_spec(), overrides, margin)


def test_a_joint_that_cannot_rest_is_refused() -> None:
    spec = tiny_spec()
    spec = spec.model_copy(update={"command": spec.command.model_copy(update={"lower": (0.1, -2.0)})})
    with pytest.raises(RcdError, match="elbow"):
        MotionLimits.of(spec)


def test_manifests_carry_limits_and_are_written_as_before_without() -> None:
    """Older versions refuse unknown fields: a checkpoint without limits must not gain an empty one."""
    assert "motion" not in tiny_manifest().to_yaml()
    limited = tiny_spec().model_copy(update={"motion": MotionSpec(acceleration=(5.0, float("inf")))})
    manifest = tiny_manifest(limited)
    assert Manifest.from_yaml(manifest.to_yaml(), "here").task.motion == limited.motion


def test_the_shipped_checkpoint_is_written_as_it_was_read_but_for_the_format() -> None:
    """Format 2 adds the critic, which the recipe states; nothing else changes."""
    before = yaml.safe_load((KITCHEN / "manifest.yaml").read_text())
    after = yaml.safe_load(read_manifest(KITCHEN).to_yaml())
    assert (before.pop("format_version"), after.pop("format_version")) == (1, 2)
    assert after.pop("critic")["discount"] == before["provenance"]["recipe"]["discount"]
    assert after == before


@pytest.mark.parametrize("motion", [{"velocity": (1.0,)}, {"velocity": (1.0, 0.0)}, {"jerk": (1.0, float("nan"))}])
def test_limits_in_a_manifest_are_checked(motion: dict[str, Any]) -> None:
    fields = tiny_spec().model_dump() | {"motion": motion}
    with pytest.raises(ValidationError):
        TaskSpec.model_validate(fields)
