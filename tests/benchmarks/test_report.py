import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rliable", reason="needs rliable: pip install 'rcd_ros[sweep]'")

from rliable.metrics import aggregate_iqm, aggregate_mean

from rcd_ros.benchmarks.report import build_report, interval
from rcd_ros.benchmarks.report_writer import draw, markdown, write_csv
from rcd_ros.benchmarks.results import Cell, Made, Result, read_results
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Evaluation
from rcd_ros.outputs import write_json
from tests.evaluation.test_comparison import summary


def result(dataset: str, method: str, seed: int, scores: list[float], **changed: Any) -> Result:
    times = {f"plan_ms_{name}": time + seed for name, time in (("p50", 0.1), ("p95", 0.3), ("p99", 0.5))}
    evaluation = Evaluation.model_validate(summary(*scores) | times | changed)
    return Result(Made.of(Cell(dataset, method, seed), train_seconds=10.0 * (seed + 1)), evaluation)


def table() -> list[Result]:
    """Two data sets and methods; `plain` lacks the second data set."""
    results = [result("one", "ours", seed, [50.0 + 10 * seed, 70.0 + 10 * seed]) for seed in range(3)]
    results += [result("two", "ours", seed, [20.0, 40.0]) for seed in range(3)]
    return [*results, result("one", "plain", 0, [10.0, 30.0]), result("one", "plain", 1, [20.0, 40.0])]


def test_means_averages_and_times_are_pooled_over_seeds() -> None:
    report = build_report(table())
    row = report.rows["one", "ours"]
    assert row.mean.value == pytest.approx(70.0)
    assert row.per_seed == pytest.approx((60.0, 70.0, 80.0))
    assert (row.episodes, row.train_seconds, row.plan_ms_p50) == (2, 20.0, pytest.approx(1.1))
    assert row.mean.low < 70.0 < row.mean.high
    assert report.averages["ours"].mean.value == pytest.approx(50.0)
    assert "plain" not in report.averages


def test_an_interval_covers_the_spread_of_training_seeds_and_not_of_episodes_alone() -> None:
    """Fails if episodes of all seeds were drawn as if they were independent: twenty of each would hide three seeds."""
    rng = np.random.default_rng(0)
    seeds = np.array([20.0, 50.0, 80.0])[:, None, None] + rng.normal(size=(3, 1, 20))
    found = interval(seeds, aggregate_mean)
    assert found.low < 35.0 and found.high > 65.0
    alike = interval(np.full((3, 1, 1), 50.0) + rng.normal(size=(3, 1, 20)), aggregate_mean)
    assert alike.high - alike.low < 2.0
    assert interval(seeds, aggregate_mean) == found


def test_the_interquartile_mean_leaves_the_best_and_worst_episodes_out() -> None:
    scores = np.array([0.0, 50.0, 50.0, 400.0]).reshape(1, 1, 4)
    assert interval(scores, aggregate_iqm).value == pytest.approx(50.0)


def test_seeds_that_were_evaluated_differently_are_not_pooled() -> None:
    with pytest.raises(RcdError, match="'execute'"):
        build_report([result("one", "ours", 0, [1.0]), result("one", "ours", 1, [1.0], execute=2)])
    with pytest.raises(RcdError, match=r"\(1, 2\)"):
        build_report([result("one", "ours", 0, [1.0]), result("one", "ours", 1, [1.0, 2.0])])
    with pytest.raises(RcdError, match=r"'other'.*ours, plain"):
        build_report(table(), ["other"])


def test_a_table_says_what_is_missing_and_why() -> None:
    text = markdown(build_report(table()), {"two, plain, seed 0": "out of memory"})
    lines = text.splitlines()
    assert lines[0] == "| data set | ours | plain |"
    assert lines[3].startswith("| two | 30.0 (") and lines[3].endswith("| - |")
    assert "- two, plain, seed 0: out of memory" in lines


def test_files_are_written(tmp_path: Path) -> None:
    report = build_report(table(), ["plain", "ours"])
    assert report.methods == ("plain", "ours")
    write_csv(report, tmp_path / "r.csv")
    draw(report, tmp_path / "r.png")
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert [(row["dataset"], row["method"]) for row in rows] == [
        ("one", "ours"),
        ("two", "ours"),
        ("one", "plain"),
        ("average", "ours"),
    ]
    assert float(rows[0]["mean"]) == pytest.approx(70.0)
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"


def test_results_are_found_below_folders_once(tmp_path: Path) -> None:
    for each in table()[:2]:
        folder = each.cell.folder(tmp_path / "a")
        folder.mkdir(parents=True)
        write_json(folder / "eval.json", each.evaluation.as_json())
        each.made.write(folder)
    found = read_results([tmp_path])
    assert [r.cell for r in found] == [Cell("one", "ours", 0), Cell("one", "ours", 1)]
    assert found == table()[:2]
    (tmp_path / "a" / "one").rename(tmp_path / "one")
    with pytest.raises(RcdError, match="one, ours, seed 0"):
        read_results([tmp_path, tmp_path / "one"])
    with pytest.raises(RcdError, match=f"'{tmp_path}/a'"):
        read_results([tmp_path / "a"])
    with pytest.raises(RcdError, match="nowhere"):
        read_results([tmp_path / "nowhere"])
