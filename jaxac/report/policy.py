"""From a run directory to the policy of one of its runs."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxac.envs.contract import Env
from jaxac.envs.sampling import random_action
from jaxac.errors import StoreError
from jaxac.report.results import Results
from jaxac.store import checkpoints
from jaxac.store.ledger import RunRow
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import held, lanes
from jaxac.sweep import plan as planning
from jaxac.sweep.batches import Batch

Act = Callable[[Any, Any, Any], tuple[Any, Any]]
"""`act(key, carry, obs) -> action, carry` for obs [N, ...]; carry is None as episodes begin."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """What acts, and where: the environment with the params that the run has."""

    env: Env
    params: Any
    act: Act
    run: RunRow
    step: int  # environment steps trained
    total_steps: int  # that the run trains in all


def load_policy(
    path: str | Path, run: int | None = None, config: int | None = None, sample: bool = False
) -> Policy:
    """The policy in the newest checkpoint of a run; of the best one unless `run` names it.

    The best is that with the highest final evaluation return, of configuration `config` if that is
    given. The policy is deterministic unless it shall `sample`. Raises `StoreError` if there is no
    such run, if it has no checkpoint yet, or for a checkpoint that is damaged or of another jaxac.
    """
    results = Results(path)
    directory = RunDirectory.open(results.path)
    try:
        found = _chosen(results, directory.ledger.runs(), run, config)
        plan = held.plan(directory)
        batch, states, step = _restored(directory, plan, found.run)
    finally:
        directory.close()
    state = checkpoints.lane(states, batch.runs.index(found.run))
    group = plan.groups[batch.group]
    task = plan.tasks[group.task]

    def act(state, key, carry, obs):
        return task.algorithm.act(state, obs, carry, key if sample else None)

    return Policy(
        task.env,
        state.env_params,
        jax.tree_util.Partial(act, state),  # so that the networks are no constants of a program
        found,
        step,
        group.num_chunks * group.env_steps,
    )


def random_policy(env: Env) -> Act:
    """Uniformly random legal actions."""

    def act(key, carry, obs):
        keys = jax.random.split(key, jax.tree.leaves(obs)[0].shape[0])
        return jax.vmap(lambda k, x: random_action(k, env, x))(keys, obs), carry

    return act


def _chosen(results: Results, listed: list[RunRow], run: int | None, config: int | None) -> RunRow:
    runs = {r.run: r for r in listed}
    if run is not None:
        if run not in runs:
            raise StoreError(f"{results.path} has no run {run}; it has runs 0 to {len(runs) - 1}")
        return runs[run]
    configs = {r.config for r in listed}
    if config is not None and config not in configs:
        raise StoreError(
            f"{results.path} has no configuration {config}; it has 0 to {len(configs) - 1}"
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


def _restored(directory: RunDirectory, plan: planning.Plan, run: int) -> tuple[Batch, Any, int]:
    """The last batch of a run that has a checkpoint, its states, and the run's env steps so far."""
    batches = map(Batch.from_json, reversed(directory.ledger.batches().values()))
    for batch in (b for b in batches if run in b.runs):
        while (before := directory.ledger.checkpoint(batch.id)) is not None:
            try:
                states = directory.restore(batch.id, lanes.shapes(plan, batch))
            except StoreError:
                # A sweep that is under way may have replaced the file since the ledger was asked.
                if directory.ledger.checkpoint(batch.id) == before:
                    raise
            else:
                env_steps = plan.groups[batch.group].env_steps
                return batch, states, (before.chunk + 1) * env_steps
    raise _not_yet(directory.path, f"run {run}")


def _not_yet(path: Path, what: str) -> StoreError:
    return StoreError(
        f"{path}: {what} has no checkpoint yet, so there is no policy to show; "
        f"`jaxac resume {path}` goes on with the training"
    )
