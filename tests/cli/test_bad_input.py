"""Bad input to the real `rcd`: one sentence, exit code 2, and every file as it was before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.processes import run_rcd
from tests.data.demonstrations import synthetic_episodes, write_archive
from tests.planning.tiny import write_tiny
from tests.training.tiny_recipe import RECIPE

Prepare = Callable[[Path], None]
IMPORT = ("data", "import", "{room}/a.npz", "--task", "kitchen", "--name", "rcd/test/new-v0")
TRAIN = ("train", "teacher", "{room}/recipe.yaml", "--output", "{room}/out")


def nothing(room: Path) -> None:
    """Leaves the room empty."""


def archive(**changed: np.ndarray) -> Prepare:
    def prepare(room: Path) -> None:
        write_archive(room / "a.npz", synthetic_episodes(), **changed)

    return prepare


def recipe(text: str, occupied: bool = False) -> Prepare:
    def prepare(room: Path) -> None:
        (room / "recipe.yaml").write_text(text)
        if occupied:
            (room / "out" / "teacher").mkdir(parents=True)
            (room / "out" / "teacher" / "last.safetensors").write_text("two hours of work")

    return prepare


def checkpoint(file: str, change: Callable[[bytes], bytes]) -> Prepare:
    def prepare(room: Path) -> None:
        write_tiny(room / "planner")
        (room / "planner" / file).write_bytes(change((room / "planner" / file).read_bytes()))

    return prepare


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit_flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def of_a_newer_format(content: bytes) -> bytes:
    return content.replace(b"format_version: 2", b"format_version: 3")


def occupied_dataset(room: Path) -> None:
    write_archive(room / "a.npz", synthetic_episodes())
    (room / "datasets" / "rcd" / "test" / "new-v0").mkdir(parents=True)


@pytest.mark.parametrize(
    ("prepare", "arguments", "named"),
    [
        pytest.param(nothing, IMPORT, r"a\.npz", id="no archive"),
        pytest.param(archive(), IMPORT, r"state \(4\), action \(2\)", id="other widths"),
        pytest.param(archive(action=np.zeros((4, 2))), IMPORT, "'action'", id="other lengths"),
        pytest.param(archive(state=np.full((9, 4), np.nan)), IMPORT, "row 0", id="NaN"),
        pytest.param(archive(), IMPORT[:3] + IMPORT[5:], "--task", id="no task"),
        pytest.param(archive(), (*IMPORT, "--success", "0,x"), "'x'", id="success"),
        pytest.param(occupied_dataset, IMPORT, "rcd/test/new-v0", id="occupied data set"),
        pytest.param(nothing, TRAIN, r"\.yaml", id="no recipe"),
        pytest.param(recipe(RECIPE + "critik: {}"), TRAIN, "'critik'.*'critic'", id="misspelt key"),
        pytest.param(recipe(RECIPE), TRAIN, "'rcd/kitchen/tiny-v0'", id="no data set"),
        pytest.param(recipe(RECIPE, occupied=True), TRAIN, "--resume.*--force", id="occupied output"),
        pytest.param(nothing, ("eval", "{room}/planner"), "/planner'", id="no checkpoint"),
        pytest.param(
            checkpoint("student.onnx", truncated), ("show", "{room}/planner"), r"student\.onnx'", id="truncated"
        ),
        pytest.param(
            checkpoint("manifest.yaml", truncated),
            ("show", "{room}/planner"),
            r"manifest\.yaml'",
            id="truncated manifest",
        ),
        pytest.param(
            checkpoint("student.safetensors", one_bit_flipped),
            ("eval", "{room}/planner"),
            r"student\.safetensors'.*SHA-256",
            id="one bit flipped",
        ),
        pytest.param(
            checkpoint("manifest.yaml", of_a_newer_format), ("show", "{room}/planner"), "format 3", id="newer format"
        ),
        pytest.param(nothing, ("launch", "kitchen_sim", "episodes:=few"), "episodes:=few", id="launch"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    prepare: Prepare, arguments: tuple[str, ...], named: str, datasets_root: Path, tmp_path: Path
) -> None:
    prepare(tmp_path)
    before = contents(tmp_path)
    done = run_rcd(*(argument.format(room=tmp_path) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("rcd: error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert re.search(named, done.stderr)
    assert contents(tmp_path) == before


def contents(room: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in room.rglob("*") if path.is_file()}
