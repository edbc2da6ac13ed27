"""Watching a policy: episodes are played on the device, then drawn and written on the host."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from jaxac.core import strong
from jaxac.envs import loop as env_loop
from jaxac.envs.contract import Box, Env, view
from jaxac.envs.picture import array_picture, enlarged, is_image
from jaxac.errors import ConfigError
from jaxac.report import movie
from jaxac.report.policy import Act, load_policy
from jaxac.report.traces import trace_picture

MAX_FRAMES = 1000  # steps of an episode that are shown
SEGMENT = 64  # steps between looks at whether all episodes have ended
PICTURES = 8  # of a strip
FASTEST, SLOWEST, SECONDS = (
    30,
    5,
    10,
)  # frames/s at most and at least; a short episode lasts so long


@dataclasses.dataclass(frozen=True)
class Episode:
    """One episode of T steps, on the host."""

    states: list[Any]  # T + 1 of them
    obs: np.ndarray  # [T + 1, ...], what the policy sees
    action: np.ndarray  # [T, ...]
    reward: np.ndarray  # [T], or [T, A] with agents
    end: str  # terminated, truncated or cut (it would have gone on)

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def returns(self) -> np.ndarray:
        """The undiscounted return after 0 to T steps, [T + 1], a mean over agents."""
        per_step = self.reward.reshape(len(self), -1).mean(-1, dtype=np.float64)
        return np.concatenate([[0.0], np.cumsum(per_step)])


def play(
    env: Env,
    act: Act,
    params: Any = None,
    seed: int = 0,
    episodes: int = 1,
    steps: int = MAX_FRAMES,
) -> list[Episode]:
    """Play episodes side by side in fresh environments, none for longer than `steps`.

    `act(key, carry, obs) -> action, carry` sees obs [episodes, ...]; `params` are the environment's
    own by default. The same seed gives the same episodes. Raises `ConfigError` for a seed outside
    [0, 2^32).
    """
    if not 0 <= seed < 2**32:
        raise ConfigError("seed", f"{seed} is not between 0 and 2^32 - 1")
    params = jax.tree.map(strong, env.params if params is None else params)
    key = jax.random.key(np.uint32(seed))
    act = jax.tree_util.Partial(act)  # what a plain function may be, to be an argument
    carried = _begin(act, params, key, env, episodes)
    first = jax.device_get((carried[0].env_state, view(carried[0].obs, "policy")))
    segments, over = [], np.zeros(episodes, bool)
    while not over.all() and len(segments) * SEGMENT < steps:
        carried, rows = _go_on(act, params, key, env, carried, len(segments) * SEGMENT)
        segments.append(jax.device_get(rows))
        over |= segments[-1][3].done.any(0)
    return [_episode(first, segments, i, steps) for i in range(episodes)]


@functools.partial(jax.jit, static_argnames=("env", "episodes"))
def _begin(act, params, key, env, episodes):
    key_reset, key_run = jax.random.split(key)
    loop = env_loop.start(key_reset, env, params, episodes, auto_reset=False)
    action, carry = act(key_run, None, loop.obs)
    return loop, action, carry


@functools.partial(jax.jit, static_argnames="env")
def _go_on(act, params, key, env, carried, steps_done):
    """The next `SEGMENT` steps; rows are states, observations, actions and outcomes [T, N, ...]."""
    _, key_run = jax.random.split(key)

    def one(carried, t):
        loop, action, carry = carried
        key_env, key_act = jax.random.split(jax.random.fold_in(key_run, t))
        loop, outcome = env_loop.step(key_env, env, params, loop, action, auto_reset=False)
        following, carry = act(key_act, carry, loop.obs)
        row = loop.env_state, view(loop.obs, "policy"), action, outcome
        return (loop, following, carry), row

    return jax.lax.scan(one, carried, steps_done + jnp.arange(SEGMENT))


def _episode(first: Any, segments: list[Any], i: int, most: int) -> Episode:
    def joined(part):
        return np.concatenate([part(rows)[:, i] for rows in segments])

    done = joined(lambda rows: rows[3].done)
    length = min(int(done.argmax()) + 1 if done.any() else len(done), most)
    ended = {
        "terminated": joined(lambda rows: rows[3].terminated)[length - 1],
        "truncated": joined(lambda rows: rows[3].truncated)[length - 1],
        "cut": True,
    }
    states = [jax.tree.map(lambda x: x[i], first[0])]
    for t in range(length):
        rows, row = segments[t // SEGMENT][0], t % SEGMENT
        states.append(jax.tree.map(lambda x, row=row: x[row, i], rows))
    return Episode(
        states,
        np.concatenate([first[1][None, i], joined(lambda rows: rows[1])[:length]]),
        joined(lambda rows: rows[2])[:length],
        joined(lambda rows: rows[3].reward)[:length],
        next(word for word, is_so in ended.items() if is_so),
    )


class Film(Sequence[np.ndarray]):
    """The frames uint8 [H, W, 3] of episodes, T + 1 of each, drawn when they are asked for.

    A frame is `env.render` of the state; where an environment has none, its observation: as an
    image if it is one, else plotted over time. A caption tells the step and the return so far,
    unless frames shall be `plain`.
    """

    def __init__(
        self, env: Env, episodes: Sequence[Episode], params: Any = None, plain: bool = False
    ):
        params = jax.device_get(env.params if params is None else params)
        self.episodes, self.plain = episodes, plain
        self._places = [(e, t) for e, x in enumerate(episodes) for t in range(len(x) + 1)]
        self._draw = [_drawing(env, episode, params) for episode in episodes]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        e, t = self._places[i]
        picture = enlarged(self._draw[e](t), movie.SMALLEST)
        return picture if self.plain else movie.captioned(picture, self._caption(e, t))

    def _caption(self, e: int, t: int) -> str:
        episode = self.episodes[e]
        words = [f"step {t}", f"return {episode.returns[t]:.6g}"]
        if len(self.episodes) > 1:
            words.insert(0, f"episode {e + 1}/{len(self.episodes)}")
        if t == len(episode):
            words.append(episode.end)
        return "   ".join(words)

    @property
    def fps(self) -> int:
        """Frames per second at which an episode can be followed: slower if it is short."""
        return int(np.clip(len(self) / len(self.episodes) / SECONDS, SLOWEST, FASTEST))

    def strip(self, count: int = PICTURES) -> list[np.ndarray]:
        """`count` frames of the first episode, evenly spaced from its first to its last."""
        last = len(self.episodes[0])
        return [self[int(i)] for i in np.unique(np.linspace(0, last, count).round())]

    def save(
        self, path: str | Path, fps: int | None = None, pictures: int = PICTURES, quiet: bool = True
    ) -> None:
        """Write the frames as .gif or .mp4, or a strip of `pictures` as .png.

        Unless it shall be `quiet`, a terminal shows a bar. Raises `StoreError` for a path that
        cannot be written, `EnvError` if an environment's pictures differ in size.
        """
        path = Path(path)
        movie.check_path(path)
        if path.suffix.lower() == ".png":
            return movie.write_strip(path, self.strip(pictures))
        with progress(f"drawing {path.name}", len(self), quiet) as tick:
            movie.write(path, self, fps or self.fps, tick)


def _drawing(env: Env, episode: Episode, params: Any) -> Callable[[int], np.ndarray]:
    """How to draw step t of an episode."""
    draw = env.render
    if draw is not None:
        return lambda t: np.asarray(draw(episode.states[t], params))
    space = view(env.observation_space, "policy")
    if isinstance(space, Box) and is_image(space.shape) and env.num_agents is None:
        picture = array_picture(episode.obs, float(space.bounds[1].max()))
        return lambda t: picture(episode.obs[t])
    return trace_picture(episode.obs, episode.action, episode.reward)


def frames(
    env: Env,
    act: Act,
    params: Any = None,
    seed: int = 0,
    episodes: int = 1,
    max_frames: int = MAX_FRAMES,
    plain: bool = False,
) -> Film:
    """Play episodes as `play` does and return their frames."""
    return Film(env, play(env, act, params, seed, episodes, max_frames), params, plain)


def video(
    path: str | Path,
    out: str | Path | None = None,
    *,
    run: int | None = None,
    config: int | None = None,
    episodes: int = 1,
    seed: int = 0,
    sample: bool = False,
    fps: int | None = None,
    max_frames: int = MAX_FRAMES,
    plain: bool = False,
    pictures: int = PICTURES,
) -> Film:
    """Write a video of a trained policy and return its frames.

    `path` is a run directory or an exported policy. `out` is .gif (by default `run-<number>.gif` in
    the run directory, or beside the policy), .mp4, or .png for a strip of `pictures`. The run is
    the one with the best final evaluation return unless `run` names one, or `config` a
    configuration to choose from. The policy is deterministic unless it shall `sample`; `max_frames`
    steps of an episode are shown at most. Raises `StoreError` as `load_policy` does,
    and for a file that cannot be written.
    """
    if out is not None:
        movie.check_path(Path(out))
    policy = load_policy(path, run, config, sample)
    film = frames(policy.env, policy.act, policy.params, seed, episodes, max_frames, plain)
    name = f"run-{policy.about.run}.gif"
    film.save(folder_of(path) / name if out is None else out, fps, pictures)
    return film


def folder_of(path: str | Path) -> Path:
    """A run directory itself, or the folder of an exported policy."""
    return Path(path).parent if Path(path).is_file() else Path(path)


@contextlib.contextmanager
def progress(words: str, total: int | None, quiet: bool) -> Iterator[movie.Tick]:
    """A bar on a terminal or in a notebook, nothing elsewhere; call what it gives at every step."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(24),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not (console.is_terminal or console.is_jupyter),
    )
    with bar:
        task = bar.add_task(words, total=total)
        yield lambda: bar.advance(task)
