"""Which tensor feeds which argument of the registered metrics, losses and visualizers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from code_loader.contract.mapping import NodeConnection, NodeMapping


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

    def name(node: NodeMapping) -> str:
        return node.type.value if node.type.value.startswith("Prediction") else node.name

    wires = []
    for node, inputs in ((each.node, each.node_inputs or {}) for each in connections):
        if node.type.value in ("Metric", "CustomLoss", "Visualizer"):
            sources = {argument: name(source) for argument, source in inputs.items()}
            wires.append(Wire(node.type.value, node.name, sources))
    return tuple(wires)
