"""Which tensor feeds which argument of the registered metrics, losses and visualizers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from code_loader.contract.mapping import NodeConnection


@dataclass(frozen=True)
class Wire:
    """A registered function and where its arguments come from.

    Attributes:
        kind: "Metric", "CustomLoss" or "Visualizer".
        name: registered name.
        sources: argument -> "Prediction0", or the name of an input or ground truth.
    """

    kind: str
    name: str
    sources: dict[str, str]


def read_wiring(connections: Iterable[NodeConnection]) -> tuple[Wire, ...]:
    """Read which tensor feeds which argument of each metric, loss and visualizer.

    `connections` are `global_leap_binder.mapping_connections`, from the integration test's calls.
    """
    return tuple(
        Wire(
            connection.node.type.value,
            connection.node.name,
            {
                argument: node.type.value if node.type.value.startswith("Prediction") else node.name
                for argument, node in (connection.node_inputs or {}).items()
            },
        )
        for connection in connections
        if connection.node.type.value in ("Metric", "CustomLoss", "Visualizer")
    )
