"""ReLIC: in-context reinforcement learning with a transformer, updated within long episodes.

Source: Elawady et al. 2024, arXiv:2410.02751, section 3, and the settings its authors published
for Darkroom, a grid with a hidden goal.
Against `recurrent_ppo`: two transformer blocks with sinks, whose cache of keys and values is
computed anew after each update (`Recomputed`). Partial updates are rollouts shorter than an
episode: an update is of `num_steps` steps, and memories and episodes go on through it.
Departs from the paper: attention and cache reach back 128 steps, not to the start of the context;
gradients reach back to the rollout's start; rollouts are of 64 steps, not 256, and no update of the
whole context follows; distances have learned biases, not rotations; no warm-up of the learning
rate.
"""

from typing import Any

from jaxac.algos.on_policy import recurrent_ppo
from jaxac.core import replace
from jaxac.nets.memory import SinkKV, Stacked, Transformer
from jaxac.nets.recomputed import Recomputed
from jaxac.nets.recurrent import Recurrent
from jaxac.ops.advantage import Unscaled

make = recurrent_ppo.make

REACH = 128  # earlier steps


def relic(**changes: Any) -> Any:
    """The settings as a `recurrent_ppo.recurrent_ppo`; `changes` override fields by name."""
    block = Transformer(num_heads=8, window=REACH, expansion=4, sink=SinkKV())
    base = recurrent_ppo.recurrent_ppo(
        learning_rate=2e-4,
        max_grad_norm=0.2,
        advantage=Unscaled(),
        net=Recomputed(Recurrent(core=Stacked(block)), REACH),
        num_envs=8,
        num_steps=64,
    )
    return replace(base, **changes)
