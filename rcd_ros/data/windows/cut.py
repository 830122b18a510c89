"""From tracks to training windows: histories and chunks in canonical form (`representation.Canonical`), normalised."""

from __future__ import annotations

import math

import numpy as np
import torch

from rcd_ros.data.episodes import FloatArray
from rcd_ros.data.windows.batches import Outcome, Turns, Windows
from rcd_ros.data.windows.hindsight import choose_goals
from rcd_ros.data.windows.tracks import IntArray, Tracks
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical, Normalizer
from rcd_ros.planning.spec import TaskSpec


def cut_windows(
    tracks: Tracks,
    starts: IntArray,
    spec: TaskSpec,
    history: int,
    horizon: int,
    canonical: Canonical,
    normalizer: NormalizerSpec,
    returns: FloatArray,
    own: float = 0.0,
) -> Windows:
    """The windows that begin in these rows, normalised.

    Args:
        tracks: the episodes.
        starts: (N,), rows of the windows' newest observations (`Tracks.starts`).
        spec: of the task, with the observed channels.
        history: observations that a planner sees.
        horizon: steps of a chunk.
        canonical: the representation of quaternions and of continuous joints' angles.
        normalizer: of observations and actions.
        returns: `Windows.returns`, not yet standardised.
        own: share of desired goals (`Hindsight.own`), where the task observes a goal.
    """
    scale = Normalizer(normalizer)
    seen = canonical_histories(tracks, starts, history, canonical)
    return Windows(
        histories=torch.from_numpy(scale.normalize_observation(seen)),
        actions=torch.from_numpy(scale.normalize_command(tracks.actions)),
        starts=torch.from_numpy(starts),
        lasts=torch.from_numpy(tracks.lasts[starts]),
        returns=torch.from_numpy(returns),
        stays=torch.tensor(spec.command.stays),
        rest=torch.from_numpy(scale.normalize_command(np.zeros(spec.command.size))),
        horizon=horizon,
        turns=_turns(tracks, starts, seen, canonical, scale),
        hindsight=choose_goals(tracks, spec, scale, own) if spec.goal_channels else None,
    )


def cut_outcomes(
    tracks: Tracks,
    starts: IntArray,
    history: int,
    steps: int,
    discount: float,
    canonical: Canonical,
    normalizer: NormalizerSpec,
    moments: tuple[float, float],
) -> Outcome:
    """What followed the chunks of `steps` actions that begin in these rows and end inside their episodes.

    Args:
        tracks: the episodes.
        starts: (N,), rows as of `Tracks.inside(steps)`.
        history: observations that the critic sees.
        steps: of a chunk.
        discount: per step.
        canonical: as for `cut_windows`.
        normalizer: likewise.
        moments: mean and standard deviation by which returns are standardised.
    """
    mean, std = moments
    following = canonical_histories(tracks, starts + steps, history, canonical)
    carry = np.where(tracks.goes_on(starts, steps), discount**steps, 0.0)
    gain = (tracks.gained(starts, steps, discount) + (carry - 1.0) * mean) / std
    return Outcome(
        following=torch.from_numpy(Normalizer(normalizer).normalize_observation(following)).flatten(1),
        gain=torch.from_numpy(gain.astype(np.float32)),
        carry=torch.from_numpy(carry.astype(np.float32)),
        known=torch.from_numpy(tracks.complete[starts].astype(np.float32)),
    )


def canonical_histories(tracks: Tracks, starts: IntArray, history: int, canonical: Canonical) -> FloatArray:
    """(N, history, n_obs) up to these rows, physical units, in canonical form."""
    seen = tracks.histories(starts, history)
    return canonical.histories(seen).astype(np.float32) if canonical.is_needed else seen


def first_actions(tracks: Tracks, starts: IntArray, histories: FloatArray, canonical: Canonical) -> FloatArray:
    """(N, n_cmd): the first action of each window, in canonical form beside its history (N, h, n_obs)."""
    first = canonical.chunks(tracks.actions[starts + 1][:, None], histories.astype(np.float64))
    return np.asarray(first, np.float32)[:, 0]


def _turns(tracks: Tracks, starts: IntArray, seen: FloatArray, canonical: Canonical, scale: Normalizer) -> Turns | None:
    raw, beside = tracks.actions[starts + 1][:, None], seen.astype(np.float64)
    first = canonical.chunks(raw, beside)
    if first is raw:
        return None
    tau = 2.0 * math.pi
    # Episodes are unwrapped one after another: the offset between two of them is in no chunk.
    whole = np.asarray(canonical.chunks(tracks.actions[None], beside[:1]))[0]
    rows, begun = np.round((whole - tracks.actions) / tau), np.round((np.asarray(first) - raw)[:, 0] / tau)
    return Turns(*(torch.from_numpy(each.astype(np.float32)) for each in (rows, begun, tau / scale.command_std)))
