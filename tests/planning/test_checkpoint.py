"""A checkpoint is written whole or not at all, and never half loads."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import (
    add_files,
    checkpoint_sha256,
    load_tensors,
    read_manifest,
    verify,
    write_checkpoint,
    write_compact,
)
from rcd_ros.planning.manifest import FORMAT_VERSION, CriticSpec, Manifest
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.spec import MotionSpec
from tests.planning.tiny import tiny_manifest, write_tiny

FILES = [
    "manifest.yaml",
    "manifest.sha256",
    "student.safetensors",
    "student.onnx",
    "reference.safetensors",
    "README.md",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "planner")
    return tmp_path / "planner"


def reseal(folder: Path) -> None:
    digest = hashlib.sha256((folder / "manifest.yaml").read_bytes()).hexdigest()
    (folder / "manifest.sha256").write_text(f"{digest}  manifest.yaml\n")


def edit_manifest(folder: Path, **changes: object) -> None:
    fields = yaml.safe_load((folder / "manifest.yaml").read_text())
    fields.update(changes)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(fields))
    reseal(folder)


def test_what_is_written_is_read_back(folder: Path) -> None:
    manifest = verify(folder)
    assert manifest.task == tiny_manifest().task
    assert set(FILES) == {path.name for path in folder.iterdir()}
    assert load_tensors(folder, "student")["weights"].shape == (10, 8)
    assert checkpoint_sha256(folder) == hashlib.sha256((folder / "manifest.yaml").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", FILES)
def test_any_flipped_byte_is_noticed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 3] ^= 0x01
    (folder / name).write_bytes(content)
    with pytest.raises(RcdError) as error:
        Planner.load(folder)
    assert "manifest" in str(error.value) or name in str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_any_truncated_file_is_noticed(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(RcdError):
        Planner.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_any_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(RcdError, match=name):
        Planner.load(folder)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match="nowhere"):
        Planner.load(tmp_path / "nowhere")


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    edit_manifest(folder, format_version=FORMAT_VERSION + 1, something_new=1)
    with pytest.raises(RcdError, match=str(FORMAT_VERSION + 1)):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"horizon": 0}, "horizon"),
        ({"colour": "red"}, "colour"),
        ({"execute": 9}, "execute.*9.*4"),
        ({"normalizer": {"observation_mean": [0.0], "observation_std": [0.0]}}, "normalizer"),
        ({"files": {"../evil": "00"}}, r"\.\./evil"),
    ],
)
def test_a_wrong_field_is_named(folder: Path, changes: dict[str, object], named: str) -> None:
    edit_manifest(folder, **changes)
    with pytest.raises(RcdError, match=named):
        read_manifest(folder)


def test_an_occupied_folder_is_left_alone_without_force(folder: Path) -> None:
    before = checkpoint_sha256(folder)
    with pytest.raises(RcdError, match="--force"):
        write_checkpoint(folder, tiny_manifest(horizon=8), {"student": {}})
    assert checkpoint_sha256(folder) == before


def test_force_replaces_a_checkpoint_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    write_checkpoint(folder, tiny_manifest(horizon=8), {"student": {"w": np.zeros(3, np.float32)}}, force=True)
    assert verify(folder).horizon == 8
    assert not (folder / "student.onnx").exists()
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work")
    with pytest.raises(RcdError, match="home"):
        write_checkpoint(precious, tiny_manifest(), {}, force=True)
    assert (precious / "thesis.tex").exists()


def test_a_failed_write_keeps_the_old_checkpoint_and_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checkpoint_sha256(folder)

    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError) as error:
        write_checkpoint(folder, tiny_manifest(horizon=8), {"student": {}}, force=True)
    assert error.value.errno == errno.ENOSPC
    assert checkpoint_sha256(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["planner"]


def test_added_files_and_scores_are_sealed_in(folder: Path) -> None:
    add_files(folder, files={"notes.txt": b"hello"}, scores=({"score_mean": 97.5, "episodes": 100},))
    manifest = verify(folder)
    assert "notes.txt" in manifest.files
    assert "97.5" in (folder / "README.md").read_text()
    Planner.load(folder)


def test_motion_limits_are_added_to_a_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "planner"
    write_tiny(folder)
    motion = MotionSpec(velocity=(1.0, 2.0), acceleration=(5.0, float("inf")))
    add_files(folder, motion=motion)
    assert verify(folder).task.motion == motion
    with pytest.raises(ValueError, match="velocity"):
        add_files(folder, motion=MotionSpec(velocity=(1.0,)))
    assert verify(folder).task.motion == motion


def test_a_compact_copy_plans_the_same_and_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    add_files(folder, tensors={"teacher": {"weight": np.array([[0.1, -2.0]], np.float32)}})
    written = write_compact(folder, tmp_path / "compact", notes="Of tiny data.")
    assert "student.safetensors" not in verify(tmp_path / "compact").files
    teacher = load_tensors(tmp_path / "compact", "teacher")["weight"]
    assert teacher.dtype == np.float16
    np.testing.assert_allclose(teacher, [[0.1, -2.0]], rtol=1e-3)
    observation = np.full((written.history, written.task.observation_size), 0.5)
    plans = [Planner.load(each, "onnxruntime").plan(observation) for each in (folder, tmp_path / "compact")]
    np.testing.assert_array_equal(*plans)
    card = (tmp_path / "compact" / "README.md").read_text()
    assert "Of tiny data." in card and "student.onnx" in card
    with pytest.raises(RcdError, match="--force"):
        write_compact(folder, tmp_path / "compact")


OLD_RECIPE = {
    "discount": 0.9,
    "critic": {"members": 2, "chunk_steps": 8, "chunk_stride": 2, "widths": [16, 8], "dropout": 0.1},
}


def format_1(recipe: dict[str, object]) -> str:
    fields = tiny_manifest().model_dump(mode="json", exclude={"critic"})
    fields["format_version"] = 1
    fields["files"] = {"critic.safetensors": "0"}
    fields["provenance"]["recipe"] = recipe
    return yaml.safe_dump(fields)


def test_the_critic_of_a_format_1_manifest_is_read_from_its_recipe() -> None:
    manifest = Manifest.from_yaml(format_1(OLD_RECIPE), "old")
    expected = CriticSpec(members=2, steps=4, stride=2, widths=(16, 8), dropout=0.1, discount=0.9)
    assert (manifest.critic, manifest.format_version) == (expected, FORMAT_VERSION)
    assert Manifest.from_yaml(manifest.to_yaml(), "new") == manifest


@pytest.mark.parametrize("missing", ["discount", "critic"])
def test_no_value_of_a_critic_is_made_up(missing: str) -> None:
    recipe = {name: value for name, value in OLD_RECIPE.items() if name != missing}
    assert Manifest.from_yaml(format_1(recipe), "old").critic is None


@pytest.mark.parametrize("field", ["sigma_data", "sigma_min", "sigma_max", "rho", "levels"])
def test_no_value_of_the_noise_is_made_up(folder: Path, field: str) -> None:
    noise = tiny_manifest().noise.model_dump()
    del noise[field]
    edit_manifest(folder, noise=noise)
    with pytest.raises(RcdError) as error:
        read_manifest(folder)
    assert f"noise.{field}" in str(error.value)
