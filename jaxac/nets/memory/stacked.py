"""Memories upon each other."""

import jax

from jaxac.core import Static, field, frozen
from jaxac.nets.memory.contract import Core, episodes
from jaxac.nets.memory.transformer import Transformer


@frozen
class Stacked:
    """Memories of one plan upon each other, each of what the one below gives."""

    core: Core = field(Transformer(), "the plan of each")
    num: Static[int] = field(2, "memories", within="[1, inf)")

    def init(self, key, num_in):
        keys = jax.random.split(key, self.num)
        return [self.core.init(k, n) for k, n in zip(keys, self._sizes(num_in), strict=True)]

    def start(self, num_envs, num_in):
        return [self.core.start(num_envs, n) for n in self._sizes(num_in)]

    def step(self, params, carry, x):
        after = []
        for p, memory in zip(params, carry, strict=True):
            x, memory = self.core.step(p, memory, x)
            after.append(memory)
        return x, after

    def scan(self, params, carry, xs, reset):
        after = []
        for p, memory in zip(params, carry, strict=True):
            xs, memories = self.core.scan(p, memory, xs, reset)
            after.append(memories)
        return xs, after

    def convolve(self, params, xs):
        for p in params:
            xs = episodes(self.core, p, xs)
        return xs

    def _sizes(self, num_in: int) -> list[int]:
        """How many features each takes."""
        return [num_in, *[size_out(self.core, num_in)] * (self.num - 1)]


def size_out(core: Core, num_in: int) -> int:
    """How many numbers a memory of `num_in` features gives."""

    def one(key):
        x = jax.numpy.zeros((1, num_in))
        return core.step(core.init(key, num_in), core.start(1, num_in), x)[0]

    return jax.eval_shape(one, jax.random.key(0)).shape[-1]
