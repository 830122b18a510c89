"""From a data set to a checkpoint that a planner loads: the whole way, small."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from click.testing import Result
from typer.testing import CliRunner

import rcd_ros
from rcd_ros.cli.compare import choose
from rcd_ros.cli.train import train
from rcd_ros.errors import RcdError
from rcd_ros.evaluation import reward_choice
from rcd_ros.evaluation.policy import CheckpointPolicy
from rcd_ros.generative.edm import denoise
from rcd_ros.planning.checkpoint import load_tensors, verify, write_checkpoint
from rcd_ros.planning.engines.choose import load_network
from rcd_ros.planning.engines.torch_modules import restore_planner
from rcd_ros.planning.planner import Planner
from rcd_ros.training import export
from rcd_ros.training.dynamics import FitSettings
from rcd_ros.training.export import denoiser_program, export_student
from rcd_ros.training.material import prepare
from rcd_ros.training.policies import load_policy, load_return_estimate
from rcd_ros.training.recipe_file import load_recipe
from tests.training.tiny_recipe import RECIPE, save_random_episodes

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command()(train)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `rcd train all` filled, with its data set and recipe beside it."""
    room = tmp_path_factory.mktemp("pipeline")
    with pytest.MonkeyPatch.context() as patch:
        (room / "datasets").mkdir()
        patch.setenv("MINARI_DATASETS_PATH", str(room / "datasets"))
        save_random_episodes()
        (room / "tiny.yaml").write_text(RECIPE)
        result = CliRunner().invoke(
            app,
            ["all", str(room / "tiny.yaml"), "--output", str(room / "out"), "--threads", "1"],
            catch_exceptions=False,
        )
    assert result.exit_code == 0, result.output
    return room / "out"


@pytest.fixture
def data(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(trained.parent / "datasets"))
    return trained


HISTORY = np.random.default_rng(1).normal(size=(2, 16))


def test_the_robots_planner_plans_what_torch_plans(trained: Path) -> None:
    """ONNX Runtime, from the same seed and counter, against eager torch: export, normaliser and noise all agree."""
    checkpoint = trained / "checkpoint"
    planner, policy = Planner.load(checkpoint, seed=5), load_policy(checkpoint, "student", seed=5)
    for _ in range(3):
        assert np.allclose(planner.plan(HISTORY), policy.plan(HISTORY), atol=1e-4)
    assert planner.plan(HISTORY).shape == (4, 9)


def test_evaluation_plans_one_step_by_the_engine_it_is_told(trained: Path) -> None:
    """Pins that "torch" had a planner of its own in evaluation, which skipped the parity check."""
    checkpoint = trained / "checkpoint"
    plans = []
    for engine in ("onnxruntime", "torch"):
        planner = CheckpointPolicy(checkpoint, engine=engine).load()
        assert isinstance(planner, Planner)
        assert planner.engine.name == engine
        plans.append(planner.plan(HISTORY))
    assert plans[0] == pytest.approx(plans[1], abs=1e-4)


def test_the_exported_graph_names_no_file_of_the_machine_that_made_it(trained: Path) -> None:
    """Pins: the exporter's stack traces in the graph's metadata."""
    assert b".py" not in (trained / "checkpoint" / "student.onnx").read_bytes()


def test_teacher_and_critic_travel_along(trained: Path) -> None:
    checkpoint = trained / "checkpoint"
    teacher = load_policy(checkpoint, "teacher", nfe=9, sampler="heun")
    assert teacher.nfe == 9
    estimate = load_return_estimate(checkpoint)
    assert estimate is not None
    assert np.isfinite(estimate(HISTORY, teacher.plan(HISTORY)))


def test_manifest_tells_where_the_planner_comes_from(trained: Path) -> None:
    manifest = verify(trained / "checkpoint")
    assert manifest.provenance.dataset == "rcd/kitchen/tiny-v0"
    assert manifest.provenance.recipe["student"]["reward"] == 0.1
    assert [channel.name for channel in manifest.task.observations] == ["robot_position", "kettle_pose"]
    assert manifest.history == 2


def test_no_other_projects_commit_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package lies in site-packages, perhaps inside the checkout of whoever uses it."""
    assert export.code_revision().startswith(rcd_ros.__version__)
    monkeypatch.setattr(export, "__file__", str(tmp_path / "rcd_ros" / "training" / "export.py"))
    assert export.code_revision() == rcd_ros.__version__


def test_export_again_gives_the_same_planner(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained / "checkpoint", copy)
    before = Planner.load(copy).plan(HISTORY)
    export_student(copy)
    assert np.allclose(Planner.load(copy).plan(HISTORY), before, atol=1e-6)


def test_normalised_training_windows_are_standard(data: Path) -> None:
    material = prepare(load_recipe(data.parent / "tiny.yaml"))
    first = material.training.draw(slice(None)).chunk[:, 0]
    assert np.allclose(first.mean(dim=0), 0.0, atol=1e-4)
    assert np.allclose(first.std(dim=0, correction=0), 1.0, atol=1e-3)
    assert material.held_out is not None
    assert len(material.held_out) == 12, "one of four episodes"


def test_an_occupied_output_is_not_overwritten(data: Path) -> None:
    before = (data / "student.safetensors").read_bytes()
    with pytest.raises(RcdError, match=r"--resume.*--force"):
        CliRunner().invoke(
            app, ["student", str(data.parent / "tiny.yaml"), "--output", str(data)], catch_exceptions=False
        )
    assert (data / "student.safetensors").read_bytes() == before


def test_a_student_without_teacher_says_what_to_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RcdError, match="rcd train teacher"):
        CliRunner().invoke(
            app, ["student", str(data.parent / "tiny.yaml"), "--output", str(tmp_path)], catch_exceptions=False
        )


def test_a_manifest_that_does_not_tell_its_networks_is_one_sentence(trained: Path, tmp_path: Path) -> None:
    """Pins that pydantic's and torch's own errors came through."""
    source = trained / "checkpoint"
    manifest, student = verify(source), load_tensors(source, "student")
    for name, broken, said in (
        ("wide", {**manifest.network, "width": 8}, r"student\.safetensors"),
        ("other", {"kind": "resnet"}, "resnet"),
        ("kindless", {}, "None"),
        ("newer", {**manifest.network, "attention": True}, "attention"),
    ):
        write_checkpoint(tmp_path / name, manifest.model_copy(update={"network": broken}), {"student": student})
        with pytest.raises(RcdError, match=said):
            load_policy(tmp_path / name)
        with pytest.raises(RcdError, match=said):
            export_student(tmp_path / name)
    tensors = {"critic": load_tensors(source, "critic")}
    assert manifest.critic is not None and manifest.critic.discount == manifest.provenance.recipe["discount"]
    for name, critic, said in (
        ("part", None, "critic"),
        ("small", manifest.critic.model_copy(update={"widths": (8,)}), r"critic\.safetensors"),
    ):
        write_checkpoint(tmp_path / name, manifest.model_copy(update={"critic": critic}), tensors)
        with pytest.raises(RcdError, match=said):
            load_return_estimate(tmp_path / name)


def test_the_teachers_denoiser_is_the_same_in_every_form(trained: Path) -> None:
    """What the benches run on the student's engine is what the sampler runs in torch."""
    manifest, teacher = verify(trained / "checkpoint"), load_tensors(trained / "checkpoint", "teacher")
    program = denoiser_program(manifest, teacher, "teacher")
    assert b".py" not in program.graph()
    rng = np.random.default_rng(0)
    networks = [load_network(engine, program) for engine in ("onnxruntime", "openvino", "torch")]
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in program.inputs.values()]
    tensors = [torch.from_numpy(array) for array in inputs]
    network = restore_planner(manifest, "teacher", teacher)
    for sigma in (0.02, 1.0, 80.0):
        inputs[1][:] = sigma
        with torch.no_grad():
            expected = denoise(network, tensors[0], tensors[1], tensors[2], manifest.noise.sigma_data).numpy()
        for loaded in networks:
            for buffer, array in zip(loaded.inputs, inputs, strict=True):
                buffer[...] = array
            loaded.run()
            assert loaded.output == pytest.approx(expected, abs=1e-4)


def test_unknown_network_of_a_checkpoint(trained: Path) -> None:
    with pytest.raises(RcdError, match="heum"):
        load_policy(trained / "checkpoint", "teacher", sampler="heum")
    with pytest.raises(RcdError, match="--nfe 0"):
        load_policy(trained / "checkpoint", "student", nfe=0)


def test_the_data_choose_between_planners(data: Path, tmp_path: Path) -> None:
    """The same planner under two labels is worth the same; what is chosen is one of them."""
    checkpoint, file = data / "checkpoint", tmp_path / "values.json"
    chooser = typer.Typer()
    chooser.command()(choose)
    copies = [tmp_path / "second", tmp_path / "third"]
    for copy in copies:
        shutil.copytree(checkpoint, copy)
    arguments = [f"one={checkpoint}", f"two={copies[0]},{copies[1]}", "--steps", "2", "--json", str(file)]
    result = CliRunner().invoke(chooser, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    values = json.loads(file.read_text())
    assert len({row["value"] for row in values["rows"]}) == 1
    assert len(values["rows"]) == 3
    assert values["chosen"] == str(checkpoint)
    assert np.isfinite(values["behaviour"])


@pytest.fixture
def chosen(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Train students of two weights on top of the teacher and the critic, and let the data choose."""
    monkeypatch.setattr(reward_choice, "FitSettings", functools.partial(FitSettings, steps=2, widths=(8,)))
    for stage in ("teacher", "critic"):
        shutil.copy(data / f"{stage}.safetensors", tmp_path)
    arguments = ["student", str(data.parent / "tiny.yaml"), "student.reward=[0.3,0.0]", "--threads", "1"]

    def run(*options: str, **how: bool) -> Result:
        return CliRunner().invoke(app, [*arguments, "--output", str(tmp_path), *options], **how)

    return run


def test_the_data_choose_the_weight_of_the_reward(chosen: Callable[..., Result], data: Path, tmp_path: Path) -> None:
    result = chosen(catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "reward_choice.json").read_text())
    assert [row["label"] for row in report["rows"]] == ["reward-0", "reward-0.3"]
    assert set(report["means"]) == {"reward-0", "reward-0.3"}
    best = max(report["means"], key=report["means"].get)
    assert f"chosen: {best}" in result.output
    manifest = verify(tmp_path / "checkpoint")
    assert f"reward-{manifest.provenance.recipe['student']['reward']:g}" == best
    kept, others = ((folder / "student.safetensors").read_bytes() for folder in (tmp_path, tmp_path / best))
    assert kept == others
    assert kept != (data / "student.safetensors").read_bytes()


def test_students_to_choose_from_are_not_overwritten(chosen: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "reward-0.3").mkdir()
    with pytest.raises(RcdError, match=r"reward-0\.3.*--resume"):
        chosen(catch_exceptions=False)
    assert chosen("--resume").exit_code == 0
