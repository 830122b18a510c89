"""The one training loop: AdamW, warm-up and cosine, clipping, averaging, validation, safe resumption, data parallel.

All randomness of a step is drawn from (seed, step, process), so a training that was killed and resumed passes
through the same weights as one that was not.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rcd_ros.errors import RcdError
from rcd_ros.progress import progress_bar
from rcd_ros.training.hindsight import HindsightWindows
from rcd_ros.training.metrics import MetricsLog
from rcd_ros.training.objective import Batch, Objective
from rcd_ros.training.processes import Processes
from rcd_ros.training.recipe import OptimizerRecipe
from rcd_ros.training.state import Progress, read_tensors, restore_state, save_state, save_tensors

logger = logging.getLogger(__name__)

LAST = "last.safetensors"
BEST = "best.safetensors"
LOG_EVERY = 50


def train(
    objective: Objective,
    training: Batch | HindsightWindows,
    held_out: Batch | None,
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
        training: normalised windows; each process draws its own batches of `recipe.batch / processes.count`.
        held_out: windows of other episodes for validation, or None.
        folder: holds `last.safetensors`, `best.safetensors`, `metrics.jsonl` and TensorBoard events.
        fingerprint: identifies recipe and data, so that no other training continues this one.
        label: for the progress bar.
        resume: continue from `last.safetensors` where there is one.

    Raises:
        RcdError: a loss or gradient is not finite (the last good state is kept), or the state to resume does not fit.
    """
    objective.to(processes.device)
    training, held_out = training.to(processes.device), held_out.to(processes.device) if held_out else None
    optimizer = torch.optim.AdamW(
        objective.trained.parameters(),
        lr=recipe.learning_rate,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    last, best = folder / LAST, folder / BEST
    progress = Progress(step=0, best_loss=math.inf, best_step=0)
    if resume and last.is_file():
        progress = restore_state(last, objective, optimizer, fingerprint)
    parallel = DistributedDataParallel(objective, find_unused_parameters=True) if processes.count > 1 else objective
    log = MetricsLog(folder, progress.step) if processes.leads else None
    bar = progress_bar(total=recipe.steps, initial=progress.step, desc=label, unit="step", disable=not processes.leads)
    try:
        for step in range(progress.step, recipe.steps):
            _seed_step(seed, step, processes.rank)
            metrics = _step(parallel, objective, optimizer, training, recipe, step, processes, label, last)
            done = step + 1
            if done % LOG_EVERY == 0 and log is not None:
                values = {f"train/{name}": float(value) for name, value in metrics.items()}
                log.write(done, values)
                bar.set_postfix(loss=f"{values['train/loss']:.3f}", refresh=False)
            if held_out is not None and (done % recipe.validate_every == 0 or done == recipe.steps):
                progress = _validate(objective, held_out, seed, done, progress, best, log)
            if done % recipe.save_every == 0 or done == recipe.steps:
                progress = Progress(done, progress.best_loss, progress.best_step)
                if processes.leads:
                    save_state(last, objective, optimizer, progress, fingerprint)
            bar.update()
    except KeyboardInterrupt:
        saved = f"step {progress.step} is saved; go on with --resume" if last.is_file() else "nothing was saved yet"
        raise KeyboardInterrupt(f"{label}: {saved}") from None
    finally:
        bar.close()
        if log is not None:
            log.close()
    processes.wait()
    if recipe.keep == "best" and held_out is not None:
        _load_averaged(objective, best)
    return objective.averaged


def learning_rate_factor(step: int, recipe: OptimizerRecipe) -> float:
    """Linear warm-up, then a cosine to zero at the last step."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    return warm * 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps))


def _step(
    parallel: nn.Module,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    training: Batch | HindsightWindows,
    recipe: OptimizerRecipe,
    step: int,
    processes: Processes,
    label: str,
    last: Path,
) -> dict[str, Tensor]:
    objective.trained.train()
    objective.begin_step(step)
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * learning_rate_factor(step, recipe)
    index = torch.randint(0, len(training), (max(1, recipe.batch // processes.count),))
    with processes.autocast():
        loss, metrics = parallel(training.select(index.to(processes.device)))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(objective.trained.parameters(), recipe.clip)
    if not bool(torch.isfinite(loss.detach() + norm)):
        kept = f"the last good state is '{last}'" if last.is_file() else "nothing was saved yet"
        raise RcdError(
            f"{label}: the loss at step {step} is {float(loss.detach())} and the gradient norm {float(norm)}; {kept}. "
            "Lower the learning rate or the reward weight, or look for outliers in the data"
        )
    optimizer.step()
    # a young average follows closely, so that it does not remember the initial weights
    objective.average(min(recipe.ema, (step + 1) / (step + 10)))
    return {**metrics, "gradient_norm": norm.detach()}


def _validate(
    objective: Objective,
    held_out: Batch,
    seed: int,
    done: int,
    progress: Progress,
    best: Path,
    log: MetricsLog | None,
) -> Progress:
    _seed_step(seed, 0, -1)  # the same noise at every validation, so that losses compare
    metrics = objective.validate(held_out)
    if metrics["loss"] < progress.best_loss:
        progress = Progress(progress.step, metrics["loss"], done)
        if log is not None:
            save_tensors(best, objective.averaged.state_dict(), {"step": done, **metrics})
    if log is not None:
        log.write(done, {f"held_out/{name}": value for name, value in metrics.items()})
    return progress


def _load_averaged(objective: Objective, best: Path) -> None:
    tensors, metadata = read_tensors(best)
    logger.info("keeping step %s, held-out loss %.4f", metadata["step"], metadata["loss"])
    objective.averaged.load_state_dict(tensors)


def _seed_step(seed: int, step: int, rank: int) -> None:
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank + 1]).generate_state(1, np.uint64)[0] >> 1))
