"""The one training loop: AdamW, warm-up and cosine, clipping, averaging, validation, safe resumption, data parallel.

All randomness of a step is drawn from (seed, step, process), so a training that was killed and resumed passes
through the same weights as one that was not.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rcd_ros.data.windows.batches import Batch, Windows
from rcd_ros.errors import RcdError
from rcd_ros.progress import progress_bar
from rcd_ros.training.method import Objective
from rcd_ros.training.processes import Processes
from rcd_ros.training.recipe import OptimizerRecipe
from rcd_ros.training.state import MetricsLog, Progress, read_tensors, restore_state, save_state, save_tensors

logger = logging.getLogger(__name__)

LAST = "last.safetensors"
BEST = "best.safetensors"
LOG_EVERY = 50


def train(
    objective: Objective[nn.Module],
    training: Windows,
    held_out: Windows | None,
    recipe: OptimizerRecipe,
    folder: Path,
    *,
    seed: int,
    fingerprint: str,
    label: str,
    processes: Processes,
    resume: bool = False,
) -> nn.Module:
    """Train an objective and return the averaged network that the recipe keeps.

    Args:
        objective: what is trained; moved to the processes' device.
        training: windows that each process draws its own mini-batches of `recipe.batch / processes.count` from.
        held_out: windows of other episodes for validation, or None.
        recipe: of the optimiser.
        folder: holds `last.safetensors`, `best.safetensors`, `metrics.jsonl` and TensorBoard events.
        seed: of everything that is drawn.
        fingerprint: identifies recipe and data, so that no other training continues this one.
        label: for the progress bar.
        processes: that train together.
        resume: continue from `last.safetensors` where there is one.

    Raises:
        RcdError: a loss or gradient is not finite (the last good state is kept), or the state to resume does not fit.
    """
    run = _Run(objective, recipe, folder, seed, fingerprint, label, processes, resume)
    training = training.to(processes.device)
    judged = None if held_out is None else held_out.sample(seed).to(processes.device)
    try:
        for step in range(run.progress.step, recipe.steps):
            metrics = run.step(training, step)
            done = step + 1
            if done % LOG_EVERY == 0:
                run.log(done, metrics)
            if judged is not None and (done % recipe.validate_every == 0 or done == recipe.steps):
                run.validate(judged, done)
            if done % recipe.save_every == 0 or done == recipe.steps:
                run.save(done)
            run.bar.update()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{label}: {run.saved(f'step {run.progress.step} is saved; go on with --resume')}"
        ) from None
    finally:
        run.close()
    processes.wait()
    if recipe.keep == "best" and judged is not None:
        run.load_best()
    return objective.kept


def learning_rate_factor(step: int, recipe: OptimizerRecipe) -> float:
    """Linear warm-up, then a cosine to zero at the last step."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    return warm * 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps))


class _Run:
    """One training: its optimiser, and what it writes. Only the leading process writes."""

    def __init__(
        self,
        objective: Objective[nn.Module],
        recipe: OptimizerRecipe,
        folder: Path,
        seed: int,
        fingerprint: str,
        label: str,
        processes: Processes,
        resume: bool,
    ) -> None:
        self._objective = objective.to(processes.device)
        self._recipe, self._seed, self._fingerprint = recipe, seed, fingerprint
        self._label, self._processes = label, processes
        self._last, self._best = folder / LAST, folder / BEST
        self._optimizer = torch.optim.AdamW(
            objective.net.parameters(),
            lr=recipe.learning_rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.progress = Progress(step=0, best_loss=math.inf, best_step=0)
        if resume and self._last.is_file():
            self.progress = restore_state(self._last, objective, self._optimizer, fingerprint)
        self._parallel: nn.Module = objective
        if processes.count > 1:
            self._parallel = DistributedDataParallel(objective, find_unused_parameters=True)
        self._metrics = MetricsLog(folder, self.progress.step) if processes.leads else None
        self.bar = progress_bar(
            total=recipe.steps, initial=self.progress.step, desc=label, unit="step", disable=not processes.leads
        )

    def step(self, training: Windows, step: int) -> dict[str, Tensor]:
        """Draw a mini-batch, descend, and move the average."""
        recipe, objective, processes = self._recipe, self._objective, self._processes
        _seed_step(self._seed, step, processes.rank)
        objective.net.train()
        objective.begin_step(step)
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_factor(step, recipe)
        index = torch.randint(0, len(training), (max(1, recipe.batch // processes.count),))
        with processes.autocast():
            loss, metrics = self._parallel(training.draw(index.to(processes.device)))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(objective.net.parameters(), recipe.clip)
        if not bool(torch.isfinite(loss.detach() + norm)):
            kept = self.saved(f"the last good state is '{self._last}'")
            raise RcdError(
                f"{self._label}: the loss at step {step} is {float(loss.detach())} and the gradient norm "
                f"{float(norm)}; {kept}. Lower the learning rate or the reward weight, or look for outliers in the data"
            )
        self._optimizer.step()
        # A young average follows closely, so that it does not remember the initial weights.
        objective.average(min(recipe.ema, (step + 1) / (step + 10)))
        return {**metrics, "gradient_norm": norm.detach()}

    def log(self, done: int, metrics: Mapping[str, Tensor]) -> None:
        """Write the metrics of a step, and show its loss."""
        if self._metrics is not None:
            values = {f"train/{name}": float(value) for name, value in metrics.items()}
            self._metrics.write(done, values)
            self.bar.set_postfix(loss=f"{values['train/loss']:.3f}", refresh=False)

    def validate(self, judged: Batch, done: int) -> None:
        """Validate the average after `done` steps, and keep it where it is the best so far."""
        _seed_step(self._seed, 0, -1)  # the same noise at every validation, so that losses compare
        metrics = self._objective.validate(judged)
        if metrics["loss"] < self.progress.best_loss:
            self.progress = Progress(self.progress.step, metrics["loss"], done)
            if self._metrics is not None:
                save_tensors(self._best, self._objective.ema.state_dict(), {"step": done, **metrics})
        if self._metrics is not None:
            self._metrics.write(done, {f"held_out/{name}": value for name, value in metrics.items()})

    def save(self, done: int) -> None:
        """Save the state after `done` steps."""
        self.progress = Progress(done, self.progress.best_loss, self.progress.best_step)
        if self._processes.leads:
            save_state(self._last, self._objective, self._optimizer, self.progress, self._fingerprint)

    def saved(self, sentence: str) -> str:
        """The sentence, or that nothing was saved yet."""
        return sentence if self._last.is_file() else "nothing was saved yet"

    def load_best(self) -> None:
        """Load the average that was the best in validation."""
        tensors, metadata = read_tensors(self._best)
        logger.info("keeping step %s, held-out loss %.4f", metadata["step"], metadata["loss"])
        self._objective.ema.load_state_dict(tensors)

    def close(self) -> None:
        """Close progress bar and metrics."""
        self.bar.close()
        if self._metrics is not None:
            self._metrics.close()


def _seed_step(seed: int, step: int, rank: int) -> None:
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank + 1]).generate_state(1, np.uint64)[0] >> 1))
