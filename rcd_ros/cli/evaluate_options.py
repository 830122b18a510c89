"""Which options of `rcd eval` have an effect together; the others are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from rcd_ros.cli.given import not_with, only_for
from rcd_ros.errors import RcdError

OFFLINE = ("checkpoint", "offline", "plans", "seed", "json_file", "plot", "force")
"""Parameters that have an effect without a simulation."""
STREAMED = ("mode", "execute", "decay", "overlap", "delay", "shape", "loss", "command_timeout", "enforce_limits")
"""Parameters of how a planner's trajectories are executed."""


def check_offline(context: typer.Context, offline: bool) -> None:
    """Refuse what has no effect with, or without, --offline.

    Raises:
        RcdError: as said.
    """
    only_for(context, "--offline", offline, "plans")
    names = [str(parameter.name) for parameter in context.command.params]
    not_with(context, "--offline", offline, *(name for name in names if name not in OFFLINE and name != "help"))


def check_driven(context: typer.Context, policy: str, controlled: bool, mode: str, nfe: int | None) -> None:
    """Refuse what has no effect for a policy or an execution mode.

    Args:
        context: of the running command.
        policy: who acts.
        controlled: whether that is one of the task's own controllers, which send no trajectories.
        mode: how chunks follow each other.
        nfe: network evaluations per plan that were asked for.

    Raises:
        RcdError: as said.
    """
    planned = f"--policy {policy}"
    not_with(context, planned, controlled, *STREAMED, "nfe", "sampler", "engine")
    not_with(context, planned, policy == "replay", "nfe", "sampler", "engine", "mode", "execute")
    only_for(context, "--policy teacher", policy == "teacher", "sampler")
    not_with(context, planned, policy == "teacher", "engine")
    not_with(context, f"--nfe {nfe}", policy == "student" and nfe not in (None, 1), "engine")
    only_for(context, "--mode chunk", mode == "chunk", "execute")
    only_for(context, "--mode temporal_ensemble", mode == "temporal_ensemble", "decay")
    only_for(context, "--mode splice", mode == "splice", "overlap")


def task_options(options: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs, the values read as YAML.

    Raises:
        RcdError: one is not written so, comes twice, or has an option of its own.
    """
    import yaml

    chosen: dict[str, Any] = {}
    for each in options:
        key, separator, value = each.partition("=")
        if not separator or not key:
            raise RcdError(f"cannot read --option '{each}': write it as key=value, e.g. goal=random")
        if key == "episode_steps":
            raise RcdError(f"--option {each}: give the length of episodes by --episode-steps")
        if key in chosen:
            raise RcdError(f"--option {key} comes twice: give it once")
        try:
            chosen[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise RcdError(f"cannot read --option '{each}' ({' '.join(str(error).split())})") from error
    return chosen
