"""Screens: which samples of a minibatch a step is taken on, by what it would do to each of them."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Metrics, Scalar, field, frozen

Batch = Float[Array, "*batch"]
Out = Float[Array, "*batch size"]
Function = Callable[[Out], Batch]


@runtime_checkable
class Screen(Protocol):
    """What a step would do to samples, to their weights."""

    def __call__(self, gain: Function, kl: Function, out: Out) -> tuple[Batch | float, Metrics]:
        """Weights of the gains, and what to report.

        `gain(x)` is the gain of each sample, were x the parameters of its action's distribution;
        `kl(x)` the KL from what they are now; `out` what they are.
        """
        ...


@frozen
class Everyone:
    """All, with weight 1."""

    def __call__(self, gain, kl, out):
        return 1.0, {}


@frozen
class Curvature:
    """Samples whose own step is foreseen to change their gain and policy by no more than bounds.

    With d the step on `out` that a sample's own gradient makes, its gain is foreseen to change by
    g.d + d.Hd / 2, and its policy by a KL of d.Fd / 2, with the gain's gradient g and Hessian H and
    the Fisher matrix F, all at `out`. Others have weight 0: with wide bounds there are none.

    Source: Melo, Abate & Gal 2025, arXiv:2510.00819 (CAPO), and the authors' code, whose model is
    that all but the last layer stay. Departs: d is `reach` times g, where theirs has the squared
    norm of the last layer's input, times the learning rate, scaled by Adam's moments; F is the
    distribution's, theirs the square of the action taken. It is of gains that are each of their own
    sample: those of pairs (`jaxac.ops.surrogate_pair`) are foreseen with all steps taken at once.
    """

    reach: Scalar = field(
        0.1,
        "step of `out` per unit of gradient: about learning rate times squared norm of features",
        within="[0, inf)",
        search=(0.01, 0.1, 1.0),
    )
    least: Scalar = field(
        0.0, "change of the gain that is foreseen, at least", within="[-inf, inf)"
    )
    most: Scalar = field(float("inf"), "the same, at most", within="(-inf, inf]")
    kl: Scalar = field(
        0.05, "KL that is foreseen, at most, nats", within="(0, inf]", search=(0.01, 0.05, 0.2)
    )

    def foreseen(self, gain: Function, kl: Function, out: Out) -> tuple[Batch, Batch]:
        """The change of each sample's gain, and the KL."""
        d = self.reach * jax.grad(lambda x: gain(x).sum())(out)
        slope, bend = _derivatives(gain, out, d)
        return slope + 0.5 * bend, 0.5 * _derivatives(kl, out, d)[1]

    def __call__(self, gain, kl, out):
        change, moved = self.foreseen(gain, kl, out)
        kept = (change >= self.least) & (change <= self.most) & (moved <= self.kl)
        weight = kept.astype(jnp.float32)
        return weight, {"screened_fraction": 1.0 - weight.mean()}


def _derivatives(f: Function, x: Out, d: Out) -> tuple[Batch, Batch]:
    """The first and second derivatives of f along d, at x."""
    return jax.jvp(lambda x: jax.jvp(f, (x,), (d,))[1], (x,), (d,))
