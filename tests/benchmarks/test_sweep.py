import subprocess
import sys
from pathlib import Path

import pytest

from rcd_ros.benchmarks.results import Cell, Made
from rcd_ros.benchmarks.sweep import Sweep, load_sweep
from rcd_ros.benchmarks.sweep_jobs import Job, plan_jobs
from rcd_ros.benchmarks.sweep_run import run_job, unfinished
from rcd_ros.errors import RcdError
from rcd_ros.outputs import write_json
from rcd_ros.resources import find_resource
from tests.evaluation.test_comparison import summary
from tests.training.tiny_recipe import RECIPE, save_random_episodes
from tests.waiting import wait_until

SWEEP = """
output: {room}/out
datasets:
  tiny: {{dataset: rcd/kitchen/tiny-v0, recipe: {room}/recipe.yaml}}
methods:
  student: {{}}
  plain: {{overrides: [student.reward=0], start_from: student}}
  teacher: {{evaluate: student, evaluation: {{policy: teacher, nfe: 3}}}}
  iql: {{baseline: iql, steps: 100, seeds: [4]}}
seeds: [0, 1]
evaluation: {{episodes: 2, seed: 5}}
"""


def described(room: Path, text: str = SWEEP) -> Sweep:
    (room / "recipe.yaml").write_text(RECIPE)
    (room / "sweep.yaml").write_text(text.format(room=room))
    return load_sweep(room / "sweep.yaml")


def jobs_by_cell(sweep: Sweep) -> dict[tuple[str, int], Job]:
    return {(job.cell.method, job.cell.seed): job for job in plan_jobs(sweep)}


def test_every_cell_is_made_by_commands_that_a_person_could_give(tmp_path: Path) -> None:
    jobs = jobs_by_cell(described(tmp_path))
    assert set(jobs) == {
        ("student", 0),
        ("student", 1),
        ("plain", 0),
        ("plain", 1),
        ("teacher", 0),
        ("teacher", 1),
        ("iql", 4),
    }
    train, evaluate = jobs["student", 1].commands
    assert train[:4] == ("train", "all", f"{tmp_path}/recipe.yaml", "dataset=rcd/kitchen/tiny-v0")
    assert "seed=1" in train and "--resume" in train
    assert evaluate[evaluate.index("--seed") + 1] == "5"
    (only,) = jobs["teacher", 0].commands
    assert only[1] == f"{tmp_path}/out/tiny/student/seed-0/train/checkpoint"
    assert only[only.index("--policy") + 1] == "teacher"
    (baseline,) = jobs["iql", 4].commands
    assert baseline[:5] == ("bench", "baselines", "rcd/kitchen/tiny-v0", "--method", "iql")


def test_a_student_of_another_methods_teacher_waits_for_it_and_takes_its_weights(tmp_path: Path) -> None:
    sweep = described(tmp_path)
    plain = jobs_by_cell(sweep)["plain", 1]
    assert plain.after == Cell("tiny", "student", 1)
    assert plain.commands[0][:2] == ("train", "student")
    assert [target.name for _, target in plain.copied] == ["teacher.safetensors", "critic.safetensors"]
    order = [job.cell for job in plan_jobs(sweep)]
    assert all(order.index(job.after) < order.index(job.cell) for job in plan_jobs(sweep) if job.after)


def test_what_is_done_is_not_made_again_unless_it_was_asked_for_otherwise(tmp_path: Path) -> None:
    jobs = plan_jobs(described(tmp_path))
    done = jobs[0]
    done.folder.mkdir(parents=True)
    Made.of(done.cell, sweep=done.asked).write(done.folder)
    assert done in unfinished(jobs)  # killed before it was evaluated
    write_json(done.folder / "eval.json", summary(50.0))
    assert done not in unfinished(jobs) and len(unfinished(jobs)) == len(jobs) - 1
    assert unfinished(jobs, force=True) == jobs
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("width: 16", "width: 32"))
    with pytest.raises(RcdError, match="tiny, student, seed 0"):
        unfinished(plan_jobs(load_sweep(tmp_path / "sweep.yaml")))


def test_a_failed_job_tells_the_last_line_and_where_its_log_is(tmp_path: Path, datasets_root: Path) -> None:
    job = jobs_by_cell(described(tmp_path))["student", 0]
    reason = run_job(job, tmp_path)
    assert reason is not None
    assert reason.startswith("rcd train ended with exit code 2: there is no local data set 'rcd/kitchen/tiny-v0'")
    assert str(job.folder / "log.txt") in reason
    assert (job.folder / "log.txt").read_text().startswith("$ rcd train all ")
    assert not (job.folder / "cell.json").exists()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seeds: [0, 1]", "seeds: []", "'seeds' is"),
        ("seeds: [0, 1]", "seeds: [-1]", "'seeds.0' is -1"),
        ("seeds: [0, 1]", "seedz: [0]", "unknown key 'seedz' (did you mean 'seeds'?)"),
        ("evaluate: student", "evaluate: studnt", "no other method 'studnt' (did you mean 'student'?)"),
        ("evaluate: student", "evaluate: plain", "'plain' does not train a teacher of its own"),
        ("start_from: student", "start_from: student, seeds: [7]", "'student' has no seed 7"),
        ("baseline: iql", "baseline: ikl", "there is no baseline 'ikl' (did you mean 'iql'?)"),
        ("baseline: iql", "baseline: iql, recipe: r.yaml", "a baseline takes neither recipe"),
        ("student: {{}}", "student: {{steps: 5}}", "steps are those of a baseline"),
        ("student: {{}}", "student: {{overrides: [seed=3]}}", "seeds and data sets are the sweep's own"),
        ("student: {{}}", "student: {{overrides: [studnt.reward=1]}}", "unknown key 'studnt'"),
        (", recipe: {room}/recipe.yaml", "", "names no recipe, and neither does datasets.tiny"),
        ("{room}/recipe.yaml", "{room}/none.yaml", "no recipe at"),
        ("episodes: 2", "episodes: 0", "'evaluation.episodes' is 0"),
        ("tiny: {{", "../tiny: {{", "'datasets.../tiny"),
        ("output: {room}/out", "", "the key 'output' is missing"),
        ("datasets:", "- datasets", "cannot be read"),
    ],
)
def test_a_wrong_description_is_one_sentence(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in SWEEP
    with pytest.raises(RcdError) as caught:
        described(tmp_path, SWEEP.replace(before, after, 1))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match=r"none\.yaml"):
        load_sweep(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("[1]")
    with pytest.raises(RcdError, match=r"list\.yaml"):
        load_sweep(tmp_path / "list.yaml")


@pytest.mark.parametrize(("name", "cells"), [("kitchen", 21), ("gym", 297)])
def test_shipped_sweeps_can_be_read(name: str, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their recipes are named from the repository's root, where their comments say that they are started."""
    path = find_resource(f"config/sweep/{name}.yaml")
    monkeypatch.chdir(path.parents[2])
    assert len(plan_jobs(load_sweep(path))) == cells


@pytest.mark.slow
@pytest.mark.timeout(900)  # importing PyTorch takes minutes on a busy machine
def test_a_training_ends_with_the_worker_that_started_it(tmp_path: Path, datasets_root: Path) -> None:
    """Fails if a training went on after its sweep was killed, and wrote where the next start resumes it."""
    save_random_episodes()
    described(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("steps: 6", "steps: 1000000"))
    program = (
        "from pathlib import Path\nfrom rcd_ros.benchmarks.sweep import load_sweep\n"
        "from rcd_ros.benchmarks.sweep_jobs import plan_jobs\n"
        "from rcd_ros.benchmarks.sweep_run import run_job\n"
        f"run_job(plan_jobs(load_sweep(Path({str(tmp_path / 'sweep.yaml')!r})))[0], Path({str(tmp_path)!r}))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program])
    log = tmp_path / "out" / "tiny" / "student" / "seed-0" / "log.txt"
    try:
        wait_until(lambda: worker.poll() is not None or (log.is_file() and "loss=" in log.read_text()), 400.0)
        (training,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    finally:
        worker.kill()
        worker.wait()
    wait_until(lambda: has_ended(training), 400.0)


def has_ended(process: str) -> bool:
    """Whether a process has ended, collected by its parent or not yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
