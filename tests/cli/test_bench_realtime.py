"""`rcd bench realtime`: a tiny bench through real processes; what it keeps, goes on with and refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from rcd_ros.evaluation.policy import CheckpointPolicy
from rcd_ros.launching.node_process import NodeProcess
from rcd_ros.launching.supervisor import Supervisor
from rcd_ros.outputs import write_json
from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.task import Task
from tests.benchmarks.test_realtime import bridge_results
from tests.planning.tiny import tiny_manifest

pytest.importorskip("torch")
pytest.importorskip("gymnasium_robotics")
from rcd_ros.benchmarks.realtime import runs as realtime_runs
from tests.training.tiny_teacher import write_tiny_with_teacher

Rcd = Callable[..., int]
SHORT = ("--episodes", 2, "--episode-steps", 12, "--workers", 1, "--engine", "onnxruntime")


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planner for the kitchen with its teacher; neither completes anything."""
    folder = tmp_path_factory.mktemp("taught") / "kitchen"
    write_tiny_with_teacher(folder, tiny_manifest(get_task("kitchen").spec, history=1, horizon=8, execute=2))
    return folder


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Runs are noted instead of made: 100 points in lockstep, 50 on the wall clock; the third is interrupted."""
    log: list[tuple[str, object]] = []

    class Noting(Supervisor):
        """Writes what a bridge would write."""

        def add_nodes(self, nodes: Sequence[NodeProcess]) -> None:
            planner, self.bridge = nodes
            log.append((planner.executable, self.bridge.parameters["speed"]))

        def run(self) -> int:
            results = bridge_results([50.0, 50.0], complete=len(log) != 3)
            write_json(Path(str(self.bridge.parameters["results"])), results.as_json())
            return 0

    def lockstep(task: Task, source: CheckpointPolicy, seeds: range, *_: object) -> Iterator[SimpleNamespace]:
        log.append((source.kind, "lockstep"))
        return (SimpleNamespace(value=lambda spec: spec.score.reference_high) for _ in seeds)

    monkeypatch.setattr(realtime_runs, "run_episodes", lockstep)
    monkeypatch.setattr(realtime_runs, "Supervisor", Noting)
    return log


def test_student_and_teacher_are_run_in_processes_of_their_own(taught: Path, tmp_path: Path, rcd: Rcd) -> None:
    """Heun's method makes 3 evaluations where 4 are asked for, and the rows say so."""
    file, picture = tmp_path / "rows.json", tmp_path / "rows.png"
    asked = ("--planners", "student,teacher:4", "--speed", "2", "--seed", 5, *SHORT)
    assert rcd("bench", "realtime", taught, *asked, "--json", file, "--plot", picture) == 0
    content = json.loads(file.read_text())
    assert (content["task"], content["seed"], content["horizon_steps"], content["execute"]) == ("kitchen", 5, 12, 2)
    assert content["checkpoint_sha256"] == checkpoint_sha256(taught)
    assert {"cpu", "versions", "threads", "date"} <= set(content["machine"])
    rows = content["rows"]
    assert [(row["planner"], row["nfe"], row["speed"]) for row in rows] == [
        ("student", 1, "lockstep"),
        ("student", 1, 2.0),
        ("teacher:4", 3, "lockstep"),
        ("teacher:4", 3, 2.0),
    ]
    for row in rows:
        assert (row["episodes"], row["score_mean"], row["score_ci95"]) == (2, 0.0, [0.0, 0.0])
    for row in (rows[1], rows[3]):
        assert row["rate_hz"] == 25.0
        assert row["held_fraction"] < 1.0
        assert row["speed_reached"] > 0.0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_bench_is_gone_on_with(
    taught: Path, tmp_path: Path, rcd: Rcd, driven: list[tuple[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.json"
    asked = ("bench", "realtime", taught, "--planners", "student,teacher:4", "--speed", "1,8", *SHORT, "--json", file)
    assert rcd(*asked) == 130
    assert f"interrupted: 2 finished rows are in {file}, go on with --resume" in capsys.readouterr().err
    assert rcd(*asked) == 2
    assert "pass --resume to go on with it or --force to replace it" in capsys.readouterr().err
    assert rcd(*asked, "--resume") == 0
    assert driven == [
        ("student", "lockstep"),
        ("planner_node", 1.0),
        ("planner_node", 8.0),
        ("planner_node", 8.0),
        ("teacher", "lockstep"),
        ("teacher_node", 1.0),
        ("teacher_node", 8.0),
    ]
    rows = json.loads(file.read_text())["rows"]
    assert len(rows) == 6
    assert [row["kept"] for row in rows] == [1.0, 0.5, 0.5, 1.0, 0.5, 0.5]
    assert rcd(*asked, "--resume", "--seed", 9) == 2
    assert "its seed is 0, now it is 9" in capsys.readouterr().err


def test_what_ended_a_node_is_passed_on(
    taught: Path, tmp_path: Path, rcd: Rcd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_a_typo(
        executable: str, name: str, parameters: Mapping[str, object], required: bool = False
    ) -> NodeProcess:
        changed = {"checkpoint": "nowhere"} if name == "planner" else {}
        return NodeProcess(executable, name, {**parameters, **changed}, required=required)

    monkeypatch.setattr(realtime_runs, "NodeProcess", with_a_typo)
    assert rcd("bench", "realtime", taught, "--planners", "student", "--speed", 1, *SHORT) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("rcd: error: student at 1x ended with exit code 2: ")
    assert "there is no checkpoint folder" in error


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--planners", "techer:80"), "unknown planner 'techer:80'"),
        (("--planners", "teacher:0"), "needs at least one network evaluation"),
        (("--speed", "0"), "a speed must be a number above 0, got '0'"),
        (("--task", "kichen"), "there is no task 'kichen' (did you mean 'kitchen'?)"),
        (("--execute", "9"), "execute must be between 1 and the planned horizon 8"),
        (("--engine", "abacus"), "unknown engine 'abacus'"),
        (("--plot", "rows.xyz"), "a picture's name must end in"),
        (("--resume",), "--resume goes on with the file that --json names"),
        (("--json", "{room}/mine.json"), "mine.json' exists already"),
        (("--json", "{room}/mine.json", "--resume"), "name a file that rcd bench realtime wrote"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_driven(
    taught: Path,
    tmp_path: Path,
    rcd: Rcd,
    driven: list[tuple[str, object]],
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    (tmp_path / "mine.json").write_text("mine")
    assert rcd("bench", "realtime", taught, *(part.format(room=tmp_path) for part in arguments)) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("rcd: ")]
    assert len(error) == 1 and sentence in error[0]
    assert driven == []
    assert (tmp_path / "mine.json").read_text() == "mine"


def test_a_checkpoint_without_a_teacher_is_refused(planner: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd("bench", "realtime", planner, "--planners", "student,teacher:80") == 2
    assert "holds no teacher: name one with it, or --planners student" in capsys.readouterr().err


def test_missing_torch_is_named_with_its_extra(
    taught: Path, rcd: Rcd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert rcd("bench", "realtime", taught, "--planners", "teacher:80") == 2
    assert "pip install 'rcd_ros[train]'" in capsys.readouterr().err
