"""What a critic learns by bootstrapping: normalised transitions, and the targets of implicit Q-learning.

Kostrikov et al. 2022, arXiv 2110.06169, with k commands in place of one:

    Q(o_t, a)  towards  sum_{i < k} gamma^i r_{t+i} + gamma^k V(o_{t+k})                  (eq. 6)
    V(o_t)     towards  an expectile of Q(o_t, a) over the data's own commands a          (eq. 5)

The critic is asked about commands of the data only, so nothing is overestimated beside them, and returns of different
episodes are combined: a good end that one episode found counts for every episode that passed its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rcd_ros.data.episodes import Episode
from rcd_ros.data.transitions import Transitions, cut_transitions
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical, Normalizer
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.objective import Batch


@dataclass(frozen=True)
class TransitionBatch(Batch):
    """Normalised transitions; Q and V are standardised as the returns are.

    Attributes:
        following: (B, C), flattened histories after the chunk.
        gain: (B,), standardised reward of the chunk.
        carry: (B,), gamma^k, or 0 where the episode ended: Q is learned towards gain + carry * V(following).
        known: (B,), 1 where `returns` is complete, else 0.
    """

    following: Tensor
    gain: Tensor
    carry: Tensor
    known: Tensor

    def select(self, index: Tensor | slice) -> TransitionBatch:
        """The transitions at `index`."""
        return TransitionBatch(*(values[index] for values in self._tensors()))

    def to(self, device: torch.device) -> TransitionBatch:
        """The same transitions on another device."""
        return TransitionBatch(*(values.to(device) for values in self._tensors()))

    def _tensors(self) -> tuple[Tensor, ...]:
        named = (self.condition, self.chunk, self.returns)
        return (*named, self.following, self.gain, self.carry, self.known)


def transition_batch(
    episodes: Sequence[Episode],
    spec: TaskSpec,
    *,
    history: int,
    periods: int,
    discount: float,
    canonical: Canonical,
    normalizer: NormalizerSpec,
    return_mean: float,
    return_std: float,
) -> TransitionBatch:
    """Every transition of `periods` control periods, normalised.

    Raises:
        RcdError: no episode is long enough, or the data set has fewer columns than the task reads.
    """
    cut = _in_canonical_form(cut_transitions(episodes, spec, history, periods, discount), canonical)
    scale = Normalizer(normalizer)
    carry = np.where(cut.goes_on, discount**periods, 0.0)
    gain = (cut.rewards + (carry - 1.0) * return_mean) / return_std
    return TransitionBatch(
        condition=torch.from_numpy(scale.normalize_observation(cut.histories)).flatten(1),
        chunk=torch.from_numpy(scale.normalize_command(cut.commands)),
        returns=torch.from_numpy((cut.returns - return_mean) / return_std),
        following=torch.from_numpy(scale.normalize_observation(cut.following)).flatten(1),
        gain=torch.from_numpy(gain.astype(np.float32)),
        carry=torch.from_numpy(carry.astype(np.float32)),
        known=torch.from_numpy(cut.known.astype(np.float32)),
    )


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """Asymmetric squared error of target minus estimate, element by element (eq. 4)."""
    return torch.where(difference > 0.0, expectile, 1.0 - expectile) * difference.square()


def _in_canonical_form(cut: Transitions, canonical: Canonical) -> Transitions:
    if not canonical.is_needed:
        return cut
    histories, following = (canonical.histories(seen) for seen in (cut.histories, cut.following))
    commands = np.asarray(canonical.chunks(cut.commands, histories), np.float32)
    return replace(
        cut,
        histories=histories.astype(np.float32),
        following=following.astype(np.float32),
        commands=commands,
    )
