"""A table of results as files: Markdown and CSV, and a figure."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rcd_ros.benchmarks.report import Estimate, Report
from rcd_ros.benchmarks.results import report_files


def markdown(report: Report, failures: Mapping[str, str] | None = None) -> str:
    """The tables in Markdown, with what they mean: scores in points, plan times in ms, training times in s.

    Args:
        report: the tables' content.
        failures: cells without a result -> why.
    """
    lines = [_line(("data set", *report.methods)), _line(["---"] * (1 + len(report.methods)))]
    for dataset in report.datasets:
        cells = (report.rows.get((dataset, method)) for method in report.methods)
        lines.append(_line((dataset, *("-" if cell is None else str(cell.mean) for cell in cells))))
    for label, name in (("**average**", "mean"), ("interquartile mean", "iqm")):
        averages = (report.averages.get(method) for method in report.methods)
        lines.append(_line((label, *("-" if each is None else str(getattr(each, name)) for each in averages))))
    lines += [
        "",
        "Mean score over the episodes of all training seeds, 95 % interval by rliable's stratified bootstrap over "
        "seeds and episodes; a method that lacks a data set has no average.",
        "",
        _line(("method", "training seeds", "episodes each", "NFE", "one plan, p50", "p99", "training")),
        _line(["---"] * 7),
    ]
    for method in report.methods:
        rows = [row for row in report.rows.values() if row.method == method]
        seconds = [row.train_seconds for row in rows if row.train_seconds is not None]
        lines.append(
            _line(
                (
                    method,
                    _span([len(row.per_seed) for row in rows]),
                    _span([row.episodes for row in rows]),
                    _span([row.nfe for row in rows if row.nfe is not None]),
                    f"{np.median([row.plan_ms_p50 for row in rows]):.2f} ms",
                    f"{np.median([row.plan_ms_p99 for row in rows]):.2f} ms",
                    f"{np.mean(seconds):.0f} s" if seconds else "-",
                )
            )
        )
    if failures:
        lines += ["", "Without a result:", "", *(f"- {cell}: {reason}" for cell, reason in failures.items())]
    return "\n".join(lines) + "\n"


def write_csv(report: Report, path: Path) -> None:
    """Write a line for each data set and method, then one for each average; scores in points, training times in s."""
    names = ["dataset", "method", "training_seeds", "episodes", "mean", "mean_low", "mean_high", "iqm", "iqm_low"]
    names += ["iqm_high", "per_seed", "nfe", "plan_ms_p50", "plan_ms_p99", "train_seconds"]
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        for row in report.rows.values():
            per_seed = " ".join(f"{score:.3f}" for score in row.per_seed)
            times = (row.nfe, row.plan_ms_p50, row.plan_ms_p99, row.train_seconds)
            counts = (row.dataset, row.method, len(row.per_seed), row.episodes)
            table.writerow((*counts, *_numbers(row.mean), *_numbers(row.iqm), per_seed, *times))
        for each in report.averages.values():
            table.writerow(("average", each.method, each.seeds, "", *_numbers(each.mean), *_numbers(each.iqm)))
    partial.replace(path)


def write_report(report: Report, stem: Path, failures: Mapping[str, str] | None = None) -> str:
    """Write the table as Markdown and CSV and the figure; returns the Markdown.

    Args:
        report: the table.
        stem: path of the files without their suffix.
        failures: cells without a result, and why.
    """
    text = markdown(report, failures)
    text_file, csv_file, picture = report_files(stem)
    text_file.write_text(text)
    write_csv(report, csv_file)
    draw(report, picture)
    return text


def draw(report: Report, path: Path) -> None:
    """Scores with their intervals, data set by data set, and the averages beside them."""
    from matplotlib.figure import Figure

    from rcd_ros.evaluation.plots import save_figure

    groups = [*report.datasets, *(["average", "interquartile mean"] if report.averages else [])]
    figure = Figure(figsize=(max(6.0, 1.0 + 1.1 * len(groups)), 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(report.methods)
    for index, method in enumerate(report.methods):
        estimates: list[tuple[int, Estimate]] = []
        for place, group in enumerate(groups):
            row, average = report.rows.get((group, method)), report.averages.get(method)
            if row is not None:
                estimates.append((place, row.mean))
            elif average is not None and place >= len(report.datasets):
                estimates.append((place, average.mean if group == "average" else average.iqm))
        at = [place + (index - 0.5 * (len(report.methods) - 1)) * width for place, _ in estimates]
        values = np.array([(e.value, e.value - e.low, e.high - e.value) for _, e in estimates]).reshape(-1, 3)
        # A percentile interval of few seeds may leave its own centre outside; a bar's length is not negative.
        bars = np.maximum(values[:, 1:].T, 0.0)
        axes.bar(at, values[:, 0], 0.9 * width, yerr=bars, capsize=2.0, label=method, color=f"C{index % 10}")
    axes.set_xticks(range(len(groups)), groups, rotation=30, ha="right")
    axes.set_ylabel("score (95 % interval)")
    axes.legend(fontsize="small")
    save_figure(figure, path)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _span(values: Sequence[int]) -> str:
    if not values:
        return "-"
    return str(min(values)) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _numbers(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high
