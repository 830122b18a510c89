"""`rcd data ...`: import, fetch, make, list and look at data sets."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.data.episodes import Episode

app = typer.Typer(help="Import, make, list and look at data sets (Minari).", no_args_is_help=True)

Force = Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")]
Name = Annotated[str, typer.Option("--name", help="Name of the new data set, such as rcd/kitchen/complete-v0.")]
Seed = Annotated[int, typer.Option(help="All randomness follows from it.", min=0)]
Workers = Annotated[int, typer.Option(help="Processes.", min=1)]


class Label(str, enum.Enum):
    """Which action of a replay is recorded."""

    executed = "executed"
    expert = "expert"


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=".npz (state, action, episode_ends) or .hdf5 (D4RL's layout).")],
    name: Name,
    task: Annotated[str | None, typer.Option(help="Task that the data belong to; needed for .npz.")] = None,
    force: Force = False,
) -> None:
    """Import a recording; what it lacks (rewards, last observations) is recomputed in the simulator."""
    from rcd_ros.data.completions import check_widths, recompute
    from rcd_ros.data.importers import has_rewards, read_recording
    from rcd_ros.data.storage import check_new_name, save_dataset
    from rcd_ros.simulation.tasks import get_task

    check_new_name(name, force)
    chosen = get_task(task) if task is not None else None
    episodes = read_recording(file)
    origin: dict[str, Any] = {"command": "import", "file": file.name}
    if has_rewards(file):
        if chosen is not None:
            check_widths(chosen, episodes)
        typer.echo(f"{file.name}: {len(episodes)} episodes with rewards of their own")
    elif chosen is None:
        raise RcdError(f"{file} has no rewards; name the task that can recompute them with --task")
    else:
        progress = tqdm(recompute(chosen, episodes), total=len(episodes), desc="replaying", unit="episode")
        results = list(progress)
        episodes = [result.episode for result in results]
        recorded = sum(len(result.recorded) for result in results)
        reproduced = sum(len(set(result.recorded) & set(result.reproduced)) for result in results)
        origin |= {
            "observations": "recorded; the last of each episode simulated from the one before",
            "rewards": "1 per goal newly completed in these observations",
            "completions_recorded": recorded,
            "completions_reproduced_open_loop": reproduced,
        }
        typer.echo(f"completions recorded: {recorded / len(results):.2f} a demonstration ({recorded} in all)")
        typer.echo(f"reproduced by open-loop replay: {reproduced / len(results):.2f} ({reproduced} of {recorded})")
        for goal in chosen.spec.score.goals:
            had = sum(goal in result.recorded for result in results)
            got = sum(goal in result.reproduced for result in results)
            typer.echo(f"  {goal}: recorded {had}, reproduced {got} of {len(results)}")
    save_dataset(
        name, episodes, task=task, origin=origin, description=f"Imported from {file.name}.", force=force
    )
    typer.echo(f"stored {len(episodes)} episodes as {name}")


@app.command()
def replay(
    source: Annotated[str, typer.Argument(help="Data set of demonstrations.")],
    name: Name,
    noise: Annotated[str, typer.Option(help="Standard deviations of the noise, action units.")] = "0.1",
    speed: Annotated[str, typer.Option(help="Speeds, as parts of the demonstration's.")] = "1",
    gain: Annotated[float, typer.Option(help="Tracking gain K, action units per rad.")] = 3.0,
    repeats: Annotated[int, typer.Option(help="Episodes per demonstration, speed and noise.", min=1)] = 1,
    label: Annotated[Label, typer.Option(help="Record the executed action, or the expert's (no noise).")] = (
        Label.executed
    ),
    offset: Annotated[float, typer.Option(help="Standard deviation of constant joint offsets, rad.")] = 0.0,
    abort_probability: Annotated[float, typer.Option(help="Chance that an episode's demonstration stops early.")] = 0.0,
    noise_correlation: Annotated[float, typer.Option(help="Of the noise, from step to step.")] = 0.9,
    keep_completed: Annotated[int, typer.Option(help="Keep episodes with at least so many goals.", min=0)] = 0,
    workers: Workers = 1,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Replay demonstrations with tracking feedback and noise, at several speeds."""
    from rcd_ros.data.replay import ReplaySettings, replay_jobs
    from rcd_ros.data.replay import replay as replay_episodes
    from rcd_ros.data.storage import check_new_name, load_dataset, save_dataset
    from rcd_ros.simulation.tasks import get_task

    check_new_name(name, force)
    settings = ReplaySettings(gain, label.value, noise_correlation, offset, abort_probability, seed)
    speeds, noises = _numbers("speed", speed), _numbers("noise", noise)
    dataset = load_dataset(source)
    task_name = dataset.metadata.get("task")
    if not task_name:
        raise RcdError(f"data set '{source}' does not say which task it belongs to, so it cannot be replayed")
    jobs = replay_jobs(len(dataset.episodes), speeds, noises, repeats)
    episodes: list[Episode] = []
    results = replay_episodes(get_task(task_name), dataset.episodes, jobs, settings, workers)
    with tqdm(results, total=len(jobs), desc="replaying", unit="episode") as progress:
        for episode in progress:
            episodes.append(episode)
            progress.set_postfix_str(f"mean return {sum(e.total_reward for e in episodes) / len(episodes):.2f}")
    _print_replay_returns(episodes)
    kept = [episode for episode in episodes if episode.total_reward >= keep_completed]
    if not kept:
        raise RcdError(f"no replay completed {keep_completed} goals or more; nothing was stored")
    origin = {
        "command": "replay",
        "source": source,
        "source_hash": dataset.content_hash,
        "speed": speeds,
        "noise": noises,
        "repeats": repeats,
        "gain": gain,
        "label": label.value,
        "offset": offset,
        "abort_probability": abort_probability,
        "noise_correlation": noise_correlation,
        "keep_completed": keep_completed,
        "seed": seed,
    }
    description = f"Replays of {source} with tracking feedback; {label.value} actions recorded."
    save_dataset(name, kept, task=task_name, origin=origin, description=description, force=force)
    typer.echo(f"stored {len(kept)} of {len(episodes)} episodes as {name}")


def _print_replay_returns(episodes: list[Episode]) -> None:
    groups: dict[tuple[Any, Any], list[float]] = {}
    for episode in episodes:
        groups.setdefault((episode.info["speed"], episode.info["noise"]), []).append(episode.total_reward)
    for (speed, noise), returns in groups.items():
        typer.echo(f"speed {speed:g}, noise {noise:g}: mean return {sum(returns) / len(returns):.2f} of {len(returns)}")


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise RcdError(f"--{option} takes numbers separated by commas, got '{text}'") from None

