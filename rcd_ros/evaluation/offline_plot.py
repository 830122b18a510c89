"""A picture of an offline evaluation: error of each joint, and by step of the chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rcd_ros.evaluation.offline import OfflineResult
from rcd_ros.evaluation.plots import save_figure
from rcd_ros.planning.manifest import Manifest


def plot_offline(path: Path, manifest: Manifest, result: OfflineResult) -> None:
    """Draw errors in standard deviations of the commands, so that joints with different units stand side by side."""
    spec, scale = manifest.task, np.asarray(manifest.normalizer.command_std)
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    joints, steps = figure.subplots(1, 2, width_ratios=(3, 2))
    width = 0.8 / len(result.policies)
    for number, (name, errors) in enumerate(result.policies.items()):
        mean = errors.by_joint.mean(axis=0) / scale
        joints.bar(np.arange(scale.size) + number * width, mean, width, label=name)
        steps.plot(np.arange(1, manifest.horizon + 1), errors.by_step, label=name)
    labels = [f"{joint}\n({unit})" for joint, unit in zip(spec.command.joints, spec.command.units, strict=False)]
    labels += [""] * (scale.size - len(labels))
    joints.set_xticks(np.arange(scale.size) + 0.4 - width / 2, labels, rotation=30, fontsize="small")
    joints.set(ylabel="mean absolute error, std of the command", title=f"{spec.name}: {result.dataset}")
    steps.axvline(manifest.execute + 0.5, color="gray", linestyle=":", label="executed until here")
    steps.set(xlabel="step of the chunk", ylabel="RMSE, std of the command", title="not a success rate")
    steps.legend(fontsize="small")
    save_figure(figure, path)
