"""Keras' Muon for kernels of any rank.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; scaled as in Liu et al. 2025, arXiv 2502.16982)
replaces the update of a matrix by the nearest orthogonal one. `keras.optimizers.Muon` leaves every kernel that is not
2-D to Adam: here those of attention (3-D) and of the convolutions.
"""

import keras
from keras import ops

_OVERRIDDEN = ("_should_use_adamw", "_muon_update_step", "update_step")


def require_methods(parent: type) -> None:
    """Refuse a Keras whose Muon is built otherwise: it would leave these kernels to Adam without a word.

    Args:
        parent: `keras.optimizers.Muon`.

    Raises:
        ImportError: it lacks a method that `MatrixMuon` overrides, or the one that calls them.
    """
    missing = [name for name in _OVERRIDDEN if not callable(getattr(parent, name, None))]
    if missing:
        raise ImportError(
            f"keras {keras.__version__}: optimizers.Muon has no {', '.join(missing)}; MatrixMuon must be adapted, "
            "or install a version that pyproject.toml allows."
        )


require_methods(keras.optimizers.Muon)


class MatrixMuon(keras.optimizers.Muon):
    """Muon that sees a kernel of rank 3 or more as the matrix from its inputs to its outputs, in bfloat16.

    Variables of rank below 2, and those whose path holds a word of `exclude_layers`, are Adam's.
    """

    def _should_use_adamw(self, variable):
        return len(variable.shape) < 2 or any(word in variable.path for word in self.exclude_layers)

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, gradient + (self.momentum - 1) * m)
        direction = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.cast(ops.reshape(direction, self._matrix_shape(variable.shape)), "bfloat16")
        orthogonal = ops.cast(self.zeropower_via_newtonschulz5(matrix, self.ns_steps), variable.dtype)
        self.assign_sub(variable, ops.reshape(self.lr_adjust(lr * orthogonal), variable.shape))

    @staticmethod
    def _matrix_shape(shape) -> tuple[int, int]:
        """Query, key and value of Keras' attention are (inputs, heads, size); other kernels have their outputs last."""
        return (shape[0], -1) if shape[0] > shape[-1] else (-1, shape[-1])
