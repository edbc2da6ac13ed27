"""Trained policies: out of a run directory, into a file of their own, and back."""

import dataclasses
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxac
from jaxac import config as configs
from jaxac import registry
from jaxac.core import Algorithm
from jaxac.envs.contract import Env
from jaxac.envs.sampling import random_action
from jaxac.errors import EnvError, JaxacError, StoreError
from jaxac.report import acting, exported
from jaxac.report.exported import About
from jaxac.report.results import Results
from jaxac.store import checkpoints, files
from jaxac.store.ledger import Checkpoint, RunRow
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import held, lanes
from jaxac.sweep import plan as planning
from jaxac.sweep.batches import Batch

Act = Callable[[Any, Any, Any], tuple[Any, Any]]
"""`act(key, carry, obs) -> action, carry` for obs [N, ...]; carry is None as episodes begin."""

_MISFITS = (
    JaxacError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclasses.dataclass(frozen=True)
class Policy:
    """What acts, and where: `action, carry = policy(obs)`."""

    about: About
    env: Env
    params: Any  # the environment's, as the run has them
    state: Any  # the run's, with None for what acting leaves unread
    views: Any  # an observation, with None for what acting leaves unread
    act: Act  # deterministic, unless it was loaded to sample
    decide: acting.Decide

    def __call__(self, obs: Any, carry: Any = None, key: Any = None) -> tuple[Any, Any]:
        """Actions [N, ...] for observations [N, ...] as the environment gives them, and the memory.

        Pass the memory to the next call; None begins N episodes. The actions are the policy's most
        likely ones; with a random key they are samples. What acting does not look at, such as a
        critic's own view, may be left out of a dict of observations. Raises `EnvError` for
        observations of another shape.
        """
        return self.decide(self.state, _observations(self.env, self.views, obs), carry, key)

    def save(self, path: str | Path) -> int:
        """Write the policy to one small file, from which `load_policy` gives it back.

        Returns the bytes written. Raises `StoreError` if the path cannot be written.
        """
        return exported.write(Path(path), self.about, self.state)


def load_policy(
    path: str | Path,
    run: int | None = None,
    config: int | None = None,
    sample: bool = False,
    env: str | None = None,
) -> Policy:
    """The policy of a run, from a run directory or from the file of an exported one.

    From a run directory it is that of the newest checkpoint of the best run unless `run` names one:
    the best has the highest final evaluation return, of configuration `config` if that is given.
    `act` is deterministic unless it shall `sample`. A file is data: its names of code outside jaxac
    are looked up in modules that are imported already, and an environment that it calls
    `module:function` must be named by `env`.

    Raises `StoreError` if there is no such run, if it has no checkpoint yet, or for a file that is
    damaged or does not fit this jaxac. Warns of a file that another version of jaxac wrote.
    """
    path = Path(path)
    if path.is_file() or (path.suffix == exported.SUFFIX and not path.is_dir()):
        return _of_file(path, run, config, sample, env)
    results = Results(path)
    directory = RunDirectory.open(results.path)
    try:
        found = _chosen(results, directory.ledger.runs(), run, config)
        with files.understood(path):
            plan = held.plan(directory)
            batch, state, step = _restored(directory, plan, found)
    finally:
        directory.close()
    group = plan.groups[batch.group]
    task = plan.tasks[group.task]
    about = About(
        *task.names,
        list(plan.sweep.wrappers),
        exported.values(state.env_params),
        configs.to_json(_as_held(plan.configs[found.config].hp, state.hp)),
        found.run,
        found.config,
        found.seed,
        step,
        group.num_chunks * group.env_steps,
        _score(results, found, step),
        found.diverged_step,
        found.diverged_metric,
        plan.sweep.hash,
        jaxac.__version__,
        jax.__version__,
    )
    return of_state(about, task.env, task.algorithm, state, sample)


def of_state(
    about: About, env: Env, algorithm: Algorithm, state: Any, sample: bool = False
) -> Policy:
    """The policy in the whole state of a run."""
    read = acting.only_read(algorithm, env, state)
    return _policy(about, env, algorithm, read, acting.shapes(state), state.env_params, sample)


def random_policy(env: Env) -> Act:
    """Uniformly random legal actions."""

    def act(key, carry, obs):
        keys = jax.random.split(key, jax.tree.leaves(obs)[0].shape[0])
        return jax.vmap(lambda k, x: random_action(k, env, x))(keys, obs), carry

    return act


def _policy(
    about: About,
    env: Env,
    algorithm: Algorithm,
    read: tuple[Any, Any],
    like: Any,
    params: Any,
    sample: bool,
) -> Policy:
    (state, views), decide = read, acting.decider(algorithm, like)

    def act(state, key, carry, obs):
        return decide(state, obs, carry, key if sample else None)

    # The networks are an argument, so that they are no constants of a program.
    return Policy(about, env, params, state, views, jax.tree_util.Partial(act, state), decide)


def _of_file(
    path: Path, run: int | None, config: int | None, sample: bool, env_name: str | None
) -> Policy:
    about, arrays = exported.read(path)
    for word, wanted, has in (("run", run, about.run), ("configuration", config, about.config)):
        if wanted not in (None, has):
            raise StoreError(f"{path} has no {word} {wanted}; it holds {word} {has}")
    _refuse_foreign(path, about, env_name)
    by = "" if about.jaxac == jaxac.__version__ else f", and was written by jaxac {about.jaxac}"
    try:
        env = registry.make_env(env_name or about.env, about.wrappers)
        algorithm = registry.make_algorithm(about.algorithm, env)
        hp = configs.from_json(about.hp, registry.defaults(about.algorithm))
        like = jax.eval_shape(algorithm.init, jax.random.key(0), hp, env.params)
        read, views = acting.only_read(algorithm, env, like)
        state = exported.restored(arrays, read)
        params = exported.with_values(like.env_params, about.env_params)
    except _MISFITS as error:
        words = str(error) or type(error).__name__
        raise StoreError(f"{path} does not fit jaxac {jaxac.__version__}{by}: {words}") from error
    if by:
        warnings.warn(
            f"{path} was written by jaxac {about.jaxac}; this is {jaxac.__version__}, in which it "
            "may act otherwise",
            stacklevel=3,
        )
    return _policy(about, env, algorithm, (state, views), like, params, sample)


def _refuse_foreign(path: Path, about: About, env_name: str | None) -> None:
    """Raise `StoreError` for code that only the file names."""
    for module in exported.foreign(about.algorithm, about.hp, about.wrappers):
        if module not in sys.modules:
            raise StoreError(
                f"{path} names code in {module[:100]!r}, which is not loaded on a file's word; "
                "import it first if you trust it"
            )
    if ":" in about.env and env_name is None:
        raise StoreError(
            f"{path} names its environment as code, {about.env[:100]!r}, which is not called on a "
            "file's word; say jaxac.load_policy(..., env=...) if you trust it"
        )


def _observations(env: Env, views: Any, obs: Any) -> Any:
    """`obs` as arrays [N, ...] of the shapes the environment gives, with zeros for the unread."""
    space = env.observation_space
    if not isinstance(space, dict):
        return _rows(env, obs, space.shape)
    needed = [name for name in space if views[name] is not None]
    if not isinstance(obs, dict) or not set(needed) <= obs.keys() <= space.keys():
        raise EnvError(f"obs of {env.name} is a dict; a policy acts on {', '.join(needed)}")
    given = {name: _rows(env, x, space[name].shape) for name, x in obs.items()}
    rows = next(iter(given.values())).shape[:1]
    unread = {k: jnp.zeros(rows + box.shape, box.dtype) for k, box in space.items()}
    return {**unread, **given}


def _rows(env: Env, obs: Any, shape: tuple[int, ...]) -> jax.Array:
    obs = jnp.asarray(obs)
    if obs.shape[1:] != shape or obs.ndim == 0:
        wanted = ", ".join(["N", *map(str, shape)])
        one = "; that of one environment is obs[None]" if obs.shape == shape else ""
        raise EnvError(f"obs is {list(obs.shape)}, {env.name} takes [{wanted}]{one}")
    return obs


def _as_held(hp: Any, state_hp: Any) -> Any:
    """A configuration with the values that a run came to have otherwise, by a scheduler's doing."""

    def one(own, held):
        held = np.asarray(held)
        return own if np.array_equal(np.asarray(own, held.dtype), held) else held.tolist()

    return jax.tree.map(one, hp, jax.device_get(state_hp))


def _chosen(results: Results, listed: list[RunRow], run: int | None, config: int | None) -> RunRow:
    runs = {r.run: r for r in listed}
    if run is not None:
        if run not in runs:
            raise StoreError(f"{results.path} has no run {run}; it has runs 0 to {len(runs) - 1}")
        return runs[run]
    known = {r.config for r in listed}
    if config is not None and config not in known:
        raise StoreError(
            f"{results.path} has no configuration {config}; it has 0 to {len(known) - 1}"
        )
    scores = _final_returns(results)
    within = [r for r in listed if config in (None, r.config) and (r.config, r.seed) in scores]
    able = [r for r in within if r.status != "diverged"]
    if able:
        return max(able, key=lambda r: scores[r.config, r.seed])
    if within:
        raise StoreError(
            f"{results.path}: every run diverged that could be chosen from; name one to see it all "
            f"the same, as in --run {within[0].run}"
        )
    raise _not_yet(results.path, "it" if config is None else f"configuration {config}")


def _final_returns(results: Results) -> dict[tuple[int, int], float]:
    """The last evaluation return of every run that has one, by (config, seed)."""
    if results.wide.empty:
        return {}
    last = results.wide.drop_duplicates(["config", "seed"], keep="last")
    columns = (last["config"], last["seed"], last["eval_return"])
    return {(int(c), int(s)): float(x) for c, s, x in zip(*columns, strict=True)}


def _score(results: Results, run: RunRow, step: int) -> float | None:
    """A run's evaluation return after so many env steps, if it is known."""
    rows = results.wide
    if rows.empty:
        return None
    is_run = (rows["config"] == run.config) & (rows["seed"] == run.seed) & (rows["step"] == step)
    found = rows.loc[is_run, "eval_return"].to_numpy()
    return float(found[-1]) if len(found) else None


def _restored(
    directory: RunDirectory, plan: planning.Plan, found: RunRow
) -> tuple[Batch, Any, int]:
    """The last batch of a run that has a checkpoint, the run's state, and its env steps so far."""
    run = found.run
    batches = map(Batch.from_json, reversed(directory.ledger.batches().values()))
    for batch in (b for b in batches if run in b.runs):
        while (before := directory.ledger.checkpoint(batch.id)) is not None:
            try:
                state = _lane(directory, before, batch.runs.index(run), lanes.shapes(plan, batch))
            except StoreError:
                # A sweep that is under way may have replaced the file since the ledger was asked.
                if directory.ledger.checkpoint(batch.id) == before:
                    raise
            else:
                env_steps = plan.groups[batch.group].env_steps
                return batch, state, (before.chunk + 1) * env_steps
    if found.status in ("done", "stopped"):
        raise StoreError(
            f"{directory.path} keeps no states of finished runs, so there is no policy of run {run}"
        )
    raise _not_yet(directory.path, f"run {run}")


def _lane(directory: RunDirectory, found: Checkpoint, place: int, like: Any) -> Any:
    """One run's state out of its batch's checkpoint; `like` is the batch's."""
    path = files.inside(directory.path, found.file)
    files.check(path, found.seal)
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), like)
    return checkpoints.decode_lane(path, place, one)


def _not_yet(path: Path, what: str) -> StoreError:
    return StoreError(
        f"{path}: {what} has no checkpoint yet, so there is no policy to show; "
        f"`jaxac resume {path}` goes on with the training"
    )
