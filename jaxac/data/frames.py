"""Storage of stacked frames: each frame is kept once, and the stacks are put together when read."""

import jax.numpy as jnp

from jaxac.core import Static, field, frozen, replace
from jaxac.data import ring as rings
from jaxac.envs.contract import view
from jaxac.envs.wrappers import observation
from jaxac.errors import EnvError


@frozen
class Frames:
    """The newest frame of each observation alone, for an environment in `FrameStack(num)`.

    A transition takes two frames in place of 2 `num`: the one that was seen and the one that the
    step led to, which is the next one seen but at an episode's end. Pixels stay bytes.
    """

    num: Static[int] = field(4, "frames in an observation", within="[1, inf)")

    @property
    def lookback(self):
        return self.num - 1

    def check(self, env):
        seen = [w for w in env.wrappers if type(w).__module__ == observation.__name__]
        last = seen[-1] if seen else None
        if not isinstance(last, observation.FrameStack) or last.num != self.num:
            raise EnvError(
                f"Frames(num={self.num}) keeps single frames, but the last wrapper of {env.name} "
                f"that changes observations is {last}; wrap it in FrameStack(num={self.num}), or "
                "keep observations Whole"
            )

    def keep(self, transition):
        def newest(obs):
            stack = view(obs, "policy")
            frame = stack[..., stack.shape[-1] - stack.shape[-1] // self.num :]
            return {**obs, "policy": frame} if isinstance(obs, dict) else frame

        return replace(
            transition, obs=newest(transition.obs), final_obs=newest(transition.final_obs)
        )

    def obs(self, ring, place):
        return self._stack(ring, place, rings.read(ring, place, of=lambda row: row.obs), 0)

    def final_obs(self, ring, place):
        return self._stack(ring, place, rings.read(ring, place, of=lambda row: row.final_obs), 1)

    def _stack(self, ring, place, newest, ahead):
        """`newest` with the frames before it, which begin `ahead` of the place's own."""
        age = rings.read(ring, place, of=lambda row: row.age)
        frames = [view(newest, "policy")]
        for back in range(1, self.num):
            steps = jnp.minimum(back - ahead, age)  # the first frame of an episode is repeated
            frames.append(view(rings.read(ring, place, -steps, lambda row: row.obs), "policy"))
        stack = jnp.concatenate(frames[::-1], axis=-1)
        return {**newest, "policy": stack} if isinstance(newest, dict) else stack
