"""The picture of `rcd bench realtime`: score against control rate, one curve per planner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rcd_ros.benchmarks.realtime.contenders import LOCKSTEP
from rcd_ros.benchmarks.realtime.rows import RealtimeRow
from rcd_ros.evaluation.plots import save_figure

COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
"""Okabe and Ito's colours, distinguishable with colour blindness; markers differ as well."""
MARKERS = "osDv^P"


def plot_realtime(path: Path, task: str, rows: Sequence[RealtimeRow]) -> None:
    """Draw mean scores with their 95 % intervals; lockstep is dashed, speeds not held are hollow."""
    figure = Figure(figsize=(7.0, 4.4), layout="constrained")
    axes = figure.subplots()
    planners = list(dict.fromkeys(row.planner for row in rows))
    for index, planner in enumerate(planners):
        of_planner = [row for row in rows if row.planner == planner]
        draw_planner(axes, of_planner, COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])
    axes.plot([], [], color="gray", linestyle="--", linewidth=1.0, label="in a simulation that\nwaits (lockstep)")
    if any(row.speed_held is False for row in rows):
        axes.plot([], [], "o", color="gray", markerfacecolor="white", label="this machine did not\nhold that speed")
    speeds = {row.rate_hz: row.speed for row in rows if row.rate_hz is not None}
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(speeds), [f"{rate:g} Hz\n{speed:g}x" for rate, speed in speeds.items()])
    axes.minorticks_off()
    axes.set(xlabel="control rate and speed of the simulation", ylabel="score", ylim=(-3.0, 108.0))
    axes.set_title(f"{task}: the simulation does not wait for the planner")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    save_figure(figure, path)


def draw_planner(axes: Axes, rows: Sequence[RealtimeRow], colour: str, marker: str) -> None:
    """One planner's curve with its band, and its score in lockstep."""
    by_rate = sorted((row.rate_hz, index) for index, row in enumerate(rows) if row.rate_hz is not None)
    rates, timed = [rate for rate, _ in by_rate], [rows[index] for _, index in by_rate]
    label = f"{rows[0].planner.partition(':')[0]}, {rows[0].nfe} NFE"
    if timed and timed[0].plan_ms_p50 is not None:
        label += f"\n({timed[0].plan_ms_p50:.2g} ms a plan)"
    axes.plot(rates, [row.score_mean for row in timed], color=colour, marker=marker, label=label)
    slow = [(rate, row.score_mean) for rate, row in zip(rates, timed, strict=True) if not row.speed_held]
    axes.plot(*zip(*slow, strict=True), color=colour, marker=marker, markerfacecolor="white", linestyle="none")
    lows, highs = zip(*(row.score_ci95 for row in timed), strict=True) if timed else ((), ())
    axes.fill_between(rates, lows, highs, color=colour, alpha=0.15, linewidth=0.0)
    for row in rows:
        if row.speed == LOCKSTEP:
            axes.axhline(row.score_mean, color=colour, linestyle="--", linewidth=1.0, alpha=0.5)
