"""`rcd data list`, `show`, `fetch`, `delete`: the data sets on this machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.data.options import Dataset
from rcd_ros.cli.output import print_table

if TYPE_CHECKING:
    from rcd_ros.data.summary import Range


def list_() -> None:
    """List the data sets on this machine."""
    from rich.table import Column, Table

    from rcd_ros.data.storage.datasets import list_datasets

    datasets = list_datasets()
    if not datasets:
        typer.echo("no data sets here; get one with `rcd data import` or `rcd data fetch`")
        return
    table = Table("name", "task", Column("episodes", justify="right"), Column("steps", justify="right"), box=None)
    for name, each in datasets.items():
        numbers = ("damaged", "-") if each.problem else (str(each.episodes), str(each.steps))
        table.add_row(name, each.task or "-", *numbers)
    print_table(table)
    for each in datasets.values():
        if each.problem:
            typer.echo(each.problem, err=True)


def show(name: Dataset) -> None:
    """Show a data set: origin, lengths, returns, and the range of every channel.

    Example: rcd data show rcd/kitchen/complete-v0
    """
    from rcd_ros.data.storage.dataset_task import task_of_dataset
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.data.summary import histogram, summarize

    dataset = load_dataset(name)
    task, known = dataset.metadata.get("task"), task_of_dataset(dataset)
    summary = summarize(dataset, known.spec if known is not None else None)
    typer.echo(f"{dataset.name}: {dataset.metadata.get('description', '')}")
    typer.echo(f"task {task or 'unknown'}, content {dataset.content_hash[:16]}")
    origin = dataset.metadata.get("origin") or {}
    for key, value in (origin if isinstance(origin, dict) else {"origin": origin}).items():
        for each in value if isinstance(value, list) and value and isinstance(value[0], str) else [value]:
            typer.echo(f"  {key}: {each}")
    typer.echo(
        f"{summary.episodes} episodes of {summary.shortest} to {summary.longest} steps, {summary.steps} in all; "
        f"{summary.terminated} terminated, {summary.episodes - summary.terminated} truncated"
    )
    typer.echo(f"returns: mean {summary.returns.mean():.4g}")
    bars = histogram(summary.returns)
    tallest = max(count for _, count in bars)
    for label, count in bars:
        typer.echo(f"  {label:>24} {count:6d} {'#' * math.ceil(40 * count / tallest)}")
    _print_ranges("observations", summary.observations)
    _print_ranges("actions", summary.actions)


def fetch(
    name: Annotated[str, typer.Argument(help="Such as D4RL/kitchen/complete-v2.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")] = False,
) -> None:
    """Download a data set from Minari's remote.

    Example: rcd data fetch D4RL/kitchen/complete-v2
    """
    from rcd_ros.data.storage.fetch import fetch_dataset

    for each in fetch_dataset(name, force):
        typer.echo(f"fetched {each}")


def delete(name: Dataset) -> None:
    """Delete a data set from this machine."""
    from rcd_ros.data.storage.datasets import delete_dataset

    delete_dataset(name)
    typer.echo(f"deleted {name}")


def _print_ranges(title: str, ranges: Sequence[Range]) -> None:
    from rich.table import Column, Table

    numbers = [Column(heading, justify="right") for heading in ("least", "mean", "largest")]
    table = Table(title, "unit", *numbers, box=None)
    for each in ranges:
        table.add_row(each.name, each.unit, *(f"{value:.4g}" for value in (each.low, each.mean, each.high)))
    print_table(table)
