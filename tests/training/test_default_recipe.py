from pathlib import Path

import numpy as np
import pytest
import yaml

from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.errors import RcdError
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.training.default_recipe import default_recipe, describe_choice
from rcd_ros.training.recipe_file import load_recipe, make_recipe


def _data(count: int, steps: int, alike: bool = True) -> Dataset:
    episodes = []
    for index in range(count):
        rewards = np.zeros(steps, np.float32)
        rewards[-1] = 1.0 if alike else index % 2
        episodes.append(
            Episode(np.zeros((steps + 1, 59), np.float32), np.zeros((steps, 9), np.float32), rewards, True, False)
        )
    return Dataset("rcd/some-v0", {}, "", episodes)


def _recipe(data: Dataset, task: str = "kitchen"):
    return make_recipe(default_recipe(task, get_task(task).spec, data), [], "default")


def test_a_chunk_is_as_long_in_time_at_every_rate():
    assert _recipe(_data(20, 300)).horizon == 12  # 0.08 s
    assert _recipe(_data(20, 300), "push").horizon == 16  # 0.05 s


def test_short_episodes_get_short_chunks_and_too_short_ones_are_refused():
    assert _recipe(_data(20, 10)).horizon == 5
    with pytest.raises(RcdError, match=r"\b1\b"):
        _recipe(_data(20, 1))


def test_velocities_are_left_out_and_what_tells_the_scene_is_observed():
    assert _recipe(_data(20, 300)).observations == ("robot_position", "object_position", "kettle_pose")


def test_reward_is_used_where_there_is_something_to_choose():
    assert _recipe(_data(20, 300)).student.advantage == 0.0
    assert _recipe(_data(20, 300, alike=False)).student.advantage > 0.0


def test_more_data_get_more_steps_and_a_wider_network():
    few, many = _recipe(_data(20, 300)), _recipe(_data(200, 300))
    assert many.student.optimizer.steps > few.student.optimizer.steps
    assert many.network.width > few.network.width


def test_what_is_printed_is_a_recipe_file(tmp_path: Path):
    spec, data = get_task("kitchen").spec, _data(20, 300)
    content = default_recipe("kitchen", spec, data)
    file = tmp_path / "recipe.yaml"
    file.write_text(describe_choice(spec, data, content))
    assert load_recipe(file) == make_recipe(content, [], "default")
    assert yaml.safe_load(file.read_text()) == content
