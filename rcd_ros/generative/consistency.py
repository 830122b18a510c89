"""The student's mathematics: a consistency trajectory function and the terms it is distilled with (RACTD).

    G(x_t, t, s) = (s/t) x_t + (1 - s/t) g(x_t, t, s)                                   (eq. 5)
    loss = alpha CTM + beta DSM + sigma_r Reward                                         (eq. 9)

`g` shares the teacher's preconditioning, so that a student started from the teacher's weights begins as
g(x, t, s) = D(x; t). At run time one evaluation gives the chunk: G(sigma_max eps, sigma_max, 0).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.generative.edm import Denoiser, Network, expand, precondition
from rcd_ros.generative.samplers import heun_step


class ConsistencyFunction:
    """G(x, t, s) for one network and one batch of observations.

    Args:
        network: the raw student network F(x, c_noise(t), condition, c_noise(s)).
        condition: (B, C) flattened observation history.
        sigma_data: standard deviation of the clean chunks.
        sigma_min: the level below which s counts as 0.
    """

    def __init__(self, network: Network, condition: Tensor, sigma_data: float, sigma_min: float) -> None:
        self._network = network
        self._condition = condition
        self._sigma_data = sigma_data
        self._sigma_min = sigma_min

    def endpoint(self, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """g(x_t, t, s): the clean chunk that the jump to s aims at. x (B, H, A), t and s (B,)."""
        c = precondition(t, x, self._sigma_data)
        target = s.clamp(min=self._sigma_min).log() / 4.0
        return c.skip * x + c.out * self._network(c.scale_in * x, c.noise, self._condition, target)

    def __call__(self, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """G(x_t, t, s), eq. 5: x at level t carried to level s <= t."""
        ratio = expand(s / t, x)
        return ratio * x + (1.0 - ratio) * self.endpoint(x, t, s)

    def sample(self, noise: Tensor, sigma_max: float) -> Tensor:
        """The one-step chunk G(sigma_max eps, sigma_max, 0) from standard normal noise eps (B, H, A).

        At s = 0 eq. 5 is g itself: left out, the rest of it is not in the exported graph either.
        """
        t = noise.new_full((noise.shape[0],), sigma_max)
        return self.endpoint(sigma_max * noise, t, torch.zeros_like(t))

    def sample_steps(self, noise: Tensor, levels: Tensor) -> Tensor:
        """A chunk in len(levels) jumps down the descending levels, the last one to 0 (CTM, gamma = 0)."""
        x = levels[0].to(noise) * noise
        targets = torch.cat([levels[1:], levels.new_zeros(1)])
        for t, s in zip(levels, targets, strict=True):
            x = self(x, t.to(x).expand(x.shape[0]), s.to(x).expand(x.shape[0]))
        return x


class OneStep(nn.Module):
    """The module that is exported and run: observation and standard normal noise in, chunk out, all normalised."""

    def __init__(self, network: nn.Module, sigma_data: float, sigma_min: float, sigma_max: float) -> None:
        super().__init__()
        self.network = network
        self.sigma_data = sigma_data
        self.sigma_min = sigma_min
        self.sigma_max = sigma_max

    def forward(self, observation: Tensor, noise: Tensor) -> Tensor:
        """observation (B, C), noise (B, H, A) -> chunk (B, H, A) = G(sigma_max eps, sigma_max, 0)."""
        student = ConsistencyFunction(self.network, observation, self.sigma_data, self.sigma_min)
        return student.sample(noise, self.sigma_max)


def mean_square(difference: Tensor, weight: Tensor | None = None) -> Tensor:
    """|d|^2 per sample, (B,), of a difference (B, H, ...): the mean over its elements, steps weighted by (H,) if given.

    Weights of mean 1 keep the scale.
    """
    squared = difference.square()
    if weight is not None:
        squared = squared * weight.reshape(-1, *(1,) * (difference.ndim - 2))
    return torch.flatten(squared, 1).mean(dim=1)


def pseudo_huber(difference: Tensor, c: float, weight: Tensor | None = None) -> Tensor:
    """sqrt(|d|^2 + c^2) - c per sample, shape (B,), of a difference (B, H, ...); |d|^2 as `mean_square` has it."""
    return (mean_square(difference, weight) + c**2).sqrt() - c


def ctm_target(frozen: ConsistencyFunction, teacher: Denoiser, x: Tensor, t: Tensor, u: Tensor, s: Tensor) -> Tensor:
    """Path 2 of eq. 7, carried to 0: a Heun step of the teacher t -> u, the frozen student u -> s -> 0; no gradient."""

    def denoiser(x: Tensor, sigma: Tensor) -> Tensor:
        return teacher(x, sigma.flatten())

    with torch.no_grad():
        at_s = frozen(heun_step(denoiser, x, expand(t, x), expand(u, x)), u, s)
        return frozen(at_s, s, torch.zeros_like(s))


def ctm_loss(
    student: ConsistencyFunction,
    frozen: ConsistencyFunction,
    teacher: Denoiser,
    x: Tensor,
    t: Tensor,
    u: Tensor,
    s: Tensor,
    huber_c: float,
    weight: Tensor | None = None,
) -> Tensor:
    """Consistency of one jump with the teacher's trajectory (eq. 7), per sample (B,); `weight` (H,) of the steps.

    `frozen` is the student's averaged copy with parameters that need no gradient: gradients still pass through it
    to the student's jump, as its inputs.
    """
    target = ctm_target(frozen, teacher, x, t, u, s)
    estimate = frozen(student(x, t, s), s, torch.zeros_like(s))
    return pseudo_huber(estimate - target, huber_c, weight)


def dsm_loss(
    student: ConsistencyFunction,
    clean: Tensor,
    t: Tensor,
    s: Tensor,
    noise: Tensor,
    huber_c: float,
    weight: Tensor | None = None,
) -> Tensor:
    """Denoising score matching on the data itself (eq. 8): g(x_t, t, s) against x_0, per sample (B,); `weight` (H,).

    RACTD takes s = 0, which draws the one-step chunk towards the data's mean; CTM takes s = t, which leaves it alone.
    """
    estimate = student.endpoint(clean + expand(t, clean) * noise, t, s)
    return pseudo_huber(estimate - clean, huber_c, weight)


def trust_region_loss(
    teacher: Denoiser, chunk: Tensor, sigma: Tensor, noise: Tensor, weight: Tensor | None = None
) -> Tensor:
    """How far a chunk is from what the teacher would denoise it to, per sample (B,); `weight` (H,) of the steps.

    |D(a + sigma eps; sigma) - a|^2, the teacher's own loss at the student's sample (Diffusion Trusted Q-Learning,
    arXiv 2405.19690): small inside a mode of the data, large between modes and beyond them.
    """
    denoised = teacher(chunk + expand(sigma, chunk) * noise, sigma)
    return mean_square(denoised - chunk, weight)
