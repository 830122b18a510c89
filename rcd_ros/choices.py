"""What users choose by name, each list once: code, parameters, launches and the command line read it here.

It imports the standard library alone: a launch is described under ROS 2's own Python, which need not have NumPy.
"""

from __future__ import annotations

from typing import Literal

ModeName = Literal["first_action", "chunk", "temporal_ensemble", "splice"]
"""How successive chunks become one stream of commands (`planning.execution.modes`)."""

Trigger = Literal["on_observation", "paced", "timer"]
"""When the planner node plans (`nodes.planner.plan_trigger`)."""

TimeMode = Literal["lockstep", "realtime"]
"""How simulated time passes in a bridge (`nodes.bridge.episode_driver`)."""

SamplerName = Literal["heun", "ddim", "dpm_solver_pp"]
"""How a diffusion teacher is sampled (`generative.samplers`)."""

LARGEST_SEED = 2**62
"""Of planners and episodes: a ROS parameter and a stored data set hold 63 bits, and seeds count up."""

ROLLOUTS = 400
"""Of each planner in a model of the dynamics, unless told otherwise (`evaluation.choice`)."""
