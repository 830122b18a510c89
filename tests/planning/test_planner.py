"""Normalisation, noise, parity and the whole way from observation to clamped command."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import load_tensors
from rcd_ros.planning.noise import standard_normal
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.representation import OBSERVATION_CLIP, Normalizer
from tests.planning.tiny import tiny_manifest, write_tiny


def test_normalizer_by_hand() -> None:
    normalizer = Normalizer(tiny_manifest().normalizer)
    assert normalizer.normalize_observation([5.0] * 5) == pytest.approx([2.0] * 5)
    assert normalizer.normalize_observation([1e9] * 5) == pytest.approx([OBSERVATION_CLIP] * 5)
    command = np.array([[0.3, -1.7]])
    assert normalizer.denormalize_command(normalizer.normalize_command(command)) == pytest.approx(command)


def test_noise_is_pinned() -> None:
    """Recomputing a logged plan on another machine or NumPy version needs these very numbers."""
    assert standard_normal(7, 3, (4,)) == pytest.approx([1.2752379, -1.8496534, -0.1423717, 0.4176529], abs=1e-6)


def test_noise_is_standard_normal_and_streams_differ() -> None:
    sample = np.concatenate([standard_normal(1, counter, (50, 9)).ravel() for counter in range(100)])
    assert abs(sample.mean()) < 0.02
    assert sample.std() == pytest.approx(1.0, abs=0.02)
    assert np.mean(np.abs(sample) > 2.0) == pytest.approx(0.0455, abs=0.005)
    assert not np.isin(standard_normal(1, 0, (50,)), standard_normal(1, 1, (50,))).any()
    assert not np.isin(standard_normal(1, 0, (50,)), standard_normal(2, 0, (50,))).any()


def test_plan_is_the_network_in_physical_units(tmp_path: Path) -> None:
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p", seed=5)
    history = np.array([[0.1, -0.2, 0.3, 0.4, 0.5], [0.2, -0.1, 0.3, 0.2, 0.6]])
    chunk = planner.plan(history)
    weights = load_tensors(tmp_path / "p", "student")["weights"]
    noise = standard_normal(5, 0, (4, 2))
    expected = 0.5 * ((((history - 1.0) / 2.0).ravel() @ weights).reshape(4, 2) + 0.2 * noise)
    assert chunk == pytest.approx(expected, abs=1e-6)
    assert planner.counter == 1


def test_plans_repeat_from_seed_and_counter(tmp_path: Path) -> None:
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p", seed=5)
    history = np.zeros((2, 5))
    first, second = planner.plan(history), planner.plan(history)
    assert not np.array_equal(first, second)
    planner.reset(5)
    assert np.array_equal(planner.plan(history), first)
    planner.counter = 1
    assert np.array_equal(planner.plan(history), second)


def test_plans_stay_inside_the_limits(tmp_path: Path) -> None:
    write_tiny(tmp_path / "p", gain=100.0)
    planner = Planner.load(tmp_path / "p")
    chunk = planner.plan(np.full((2, 5), 3.0))
    assert np.abs(chunk).max() == 2.0


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (np.zeros((1, 5)), r"\(1, 5\)"),
        (np.zeros((2, 6)), r"\(2, 6\)"),
        (np.full((2, 5), np.nan), "NaN"),
        (np.diag([1.0, np.inf, 0.0, 0.0, 0.0])[:2], "infinity"),
    ],
)
def test_bad_observations_are_refused(tmp_path: Path, history: np.ndarray, message: str) -> None:
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p")
    with pytest.raises(RcdError, match=message):
        planner.plan(history)
    assert planner.counter == 0


@pytest.mark.filterwarnings("ignore:overflow encountered in dot")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_observation_far_off_is_clipped(tmp_path: Path, engine: str) -> None:
    """Also where its square exceeds float32, which is not to be taken for infinity."""
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p", engine)
    plans = []
    for value in (1.0 + 5.0 * 2.0, 1e3, 1e30):
        planner.reset(0)
        plans.append(planner.plan(np.full((2, 5), value)))
    assert plans[1:] == [pytest.approx(plans[0], abs=1e-5)] * 2


def test_an_engine_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    """1e-4 of a command range of 4 rad/s is 4e-4 rad/s."""
    write_tiny(tmp_path / "close", reference_error=3.5e-4)
    Planner.load(tmp_path / "close")
    write_tiny(tmp_path / "off", reference_error=4.5e-4)
    with pytest.raises(RcdError, match=r"onnxruntime.*1\.\de-04"):
        Planner.load(tmp_path / "off")


def test_negative_seed(tmp_path: Path) -> None:
    write_tiny(tmp_path / "p")
    with pytest.raises(RcdError, match="-1"):
        Planner.load(tmp_path / "p", seed=-1)


def test_preparing_rehearsing_and_warming_up_change_no_plan(tmp_path: Path) -> None:
    write_tiny(tmp_path / "p")
    plain, ahead = Planner.load(tmp_path / "p", "onnxruntime", 5), Planner.load(tmp_path / "p", "onnxruntime", 5)
    history = np.array([[0.1, -0.2, 0.3, 0.4, 0.5], [0.2, -0.1, 0.3, 0.2, 0.6]])
    ahead.warm_up()
    assert (ahead.seed, ahead.counter) == (5, 0)
    for _ in range(3):
        ahead.prepare()
        ahead.prepare()
        ahead.rehearse()
        assert np.array_equal(ahead.plan(history), plain.plan(history))
    ahead.prepare()
    ahead.reset(5)
    plain.reset(5)
    assert np.array_equal(ahead.plan(history), plain.plan(history)), "noise prepared for another counter is not used"


def test_a_refused_observation_does_not_use_up_the_prepared_noise(tmp_path: Path) -> None:
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p", "onnxruntime", seed=5)
    expected = planner.plan(np.zeros((2, 5)))
    planner.reset(5)
    planner.prepare()
    with pytest.raises(RcdError, match="NaN"):
        planner.plan(np.full((2, 5), np.nan))
    assert np.array_equal(planner.plan(np.zeros((2, 5))), expected)


def test_a_network_that_answers_nan_plans_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p", "onnxruntime", seed=5)
    for value in (np.nan, -np.inf):
        planner.reset(5)
        monkeypatch.setattr(planner.engine, "run", functools.partial(planner.engine.commands.fill, value))
        with pytest.raises(RcdError, match=r"NaN.*seed 5.*counter 0"):
            planner.plan(np.zeros((2, 5)))


def test_a_plan_is_the_callers_to_keep(tmp_path: Path) -> None:
    """Pins: handing out a buffer that the next plan overwrites."""
    write_tiny(tmp_path / "p")
    planner = Planner.load(tmp_path / "p")
    first = planner.plan(np.zeros((2, 5)))
    kept = first.copy()
    planner.plan(np.ones((2, 5)))
    assert np.array_equal(first, kept)


@pytest.mark.slow
def test_the_robots_part_loads_no_heavy_package() -> None:
    """A robot computer has neither torch nor a simulator; an import sneaking in would break it there only."""
    code = (
        "import importlib, pkgutil, sys, rcd_ros.planning as room\n"
        "names = [m.name for m in pkgutil.walk_packages(room.__path__, 'rcd_ros.planning.')]\n"
        "robots = [n for n in names if not n.startswith('rcd_ros.planning.engines.torch_')]\n"
        "[importlib.import_module(n) for n in robots + ['rcd_ros.nodes.planner.planner_node']]\n"
        "print(sorted({'torch', 'mujoco', 'gymnasium', 'minari', 'scipy', 'matplotlib'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
