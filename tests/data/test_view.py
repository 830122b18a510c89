"""What Rerun is shown; the file itself is read back by Rerun's own command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rcd_ros.cli import app
from rcd_ros.data.episodes import Episode
from rcd_ros.data.storage.datasets import load_dataset, save_dataset
from rcd_ros.data.view import RerunLog, check_rrd, show_dataset
from rcd_ros.errors import RcdError
from rcd_ros.tasks.catalogue import get_task

NAME = "rcd/test/pushes-v0"


class Kept:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[int, np.ndarray]] = {}
        self.named: dict[str, list[str]] = {}
        self.events: list[tuple[int, str, bool]] = []
        self.bodies: set[str] = set()

    def series(self, path: str, steps: list[int], values: np.ndarray, names: list[str]) -> None:
        assert len(steps) == len(values)
        assert values.shape[1] == len(names)
        self.lines.setdefault(path, {}).update(zip(steps, values, strict=True))
        self.named[path] = names

    def body(self, path: str, steps: range, positions: np.ndarray) -> None:
        assert positions.shape == (len(steps), 3)
        self.bodies.add(path)

    def event(self, step: int, text: str, bad: bool = False) -> None:
        self.events.append((step, text, bad))


def stored() -> None:
    random = np.random.default_rng(0)
    episodes = [
        Episode(
            random.uniform(size=(steps + 1, 14)).astype(np.float32),
            random.uniform(size=(steps, 7)).astype(np.float32),
            np.ones(steps, np.float32),
            terminated=True,
            truncated=False,
            info={"source": f"demo_{steps}"},
        )
        for steps in (3, 5)
    ]
    origin = {"command": "import", "refused": ["demo_7: it holds no rows"]}
    save_dataset(NAME, episodes, task=get_task("push").spec, origin=origin, description="")


def test_episodes_stand_one_after_another_with_a_gap(datasets_root: Path) -> None:
    stored()
    kept, dataset = Kept(), load_dataset(NAME)
    show_dataset(kept, dataset, get_task("push").spec, [0, 1])  # type: ignore[arg-type]
    assert [(step, bad) for step, _, bad in kept.events] == [(0, True), (0, False), (5, False)]
    assert "demo_7" in kept.events[0][1]
    assert "demo_5" in kept.events[2][1]
    arm = kept.lines["observations/arm/values"]
    np.testing.assert_allclose(arm[3], dataset.episodes[0].observations[3, :6])
    assert np.isnan(arm[4]).all()
    np.testing.assert_allclose(arm[5], dataset.episodes[1].observations[0, :6])
    assert kept.lines["rewards/values"][5].tolist() == [1.0, 5.0]
    assert kept.named["actions/values"][6] == "gripper_joint (m)"
    assert kept.bodies == {"block"}


def test_without_a_task_columns_are_numbered(datasets_root: Path) -> None:
    stored()
    kept = Kept()
    show_dataset(kept, load_dataset(NAME), None, [1])  # type: ignore[arg-type]
    assert kept.named["observations/values"] == [f"[{column}]" for column in range(14)]


def rcd(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["data", "view", *map(str, arguments)])
    return done.exit_code, done.output + str(done.exception or "")


def test_a_file_is_written_where_there_is_no_screen(
    datasets_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rerun")
    stored()
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    code, output = rcd(NAME)
    assert code == 0, output
    printed = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "print", "-v", "pushes-v0.rrd"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    for path in ("observations/arm/values", "actions/values", "rewards/values", "bodies/block", "events"):
        assert path in printed.stdout, path
    before = (tmp_path / "pushes-v0.rrd").read_bytes()
    assert rcd(NAME)[0] != 0
    assert (tmp_path / "pushes-v0.rrd").read_bytes() == before
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--rrd", "a.txt"), ".rrd"), (("--episodes", "7"), "episode 7"), (("--episodes", "x"), "'x'")],
)
def test_what_cannot_be_shown_is_refused(
    arguments: tuple[str, ...], said: str, datasets_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rerun")
    stored()
    monkeypatch.chdir(tmp_path)
    code, output = rcd(NAME, "--rrd", "b.rrd", *arguments)
    assert code != 0
    assert said in output
    assert not (tmp_path / "b.rrd").exists()


def test_without_rerun_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(RcdError, match=r"rcd_ros\[view\]"):
        check_rrd(Path("a.rrd"))


def test_a_log_lays_out_a_view_for_each_group() -> None:
    rerun = pytest.importorskip("rerun")
    stream = rerun.RecordingStream("test")
    log = RerunLog(stream, 0.1)
    log.series("commands/elbow/executed", range(3), np.zeros((3, 1)), ["executed"])
    log.series("commands/elbow/plan_000", range(2), np.zeros((2, 1)), ["plan 0"])
    assert list(log.views) == ["commands/elbow"]
    log.lay_out()
