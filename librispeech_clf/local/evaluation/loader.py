"""code-loader's part of an evaluation: the loader, what the integration test wired, tensors as the engine stores them.

What of code-loader is private is used here and in `engine`; tests/test_private_parts.py tells when it changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from code_loader.contract.mapping import NodeConnection, NodeMapping

PREDICTION = "Prediction0"


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


def open_loader(project_root: Path) -> Any:
    """Run the entry file and open the corpus, as the engine does.

    Args:
        project_root: the absolute folder of leap_binder.py.

    Returns:
        The LeapLoader. It takes metadata types as declared: the original finds them by encoding the first
        sample of every split, and gives up when that one is damaged.
    """
    from code_loader import LeapLoader
    from code_loader.inner_leap_binder import global_leap_binder

    class DeclaredTypesLoader(LeapLoader):
        @cache  # noqa: B019 - one loader a run
        def _metadata_name_to_type(self):
            handlers = global_leap_binder.setup_container.metadata
            declared = [(handler, handler.metadata_type) for handler in handlers]
            return {
                f"{handler.name}_{key}": kind for handler, types in declared for key, kind in types.items()
            }

    loader = DeclaredTypesLoader(str(project_root.resolve()), "leap_binder.py")
    loader.exec_script()
    return loader


def read_wiring(connections: Iterable[NodeConnection]) -> tuple[Wire, ...]:
    """Read which tensor feeds which argument of each metric, loss and visualizer.

    Args:
        connections: `global_leap_binder.mapping_connections`, from the integration test's calls.
    """
    kinds = ("Metric", "CustomLoss", "Visualizer")
    return tuple(
        Wire(
            connection.node.type.value,
            connection.node.name,
            {argument: _name_source(node) for argument, node in (connection.node_inputs or {}).items()},
        )
        for connection in connections
        if connection.node.type.value in kinds
    )


def _name_source(node: NodeMapping) -> str:
    return node.type.value if node.type.value.startswith("Prediction") else node.name


def store_as_engine(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Store tensors as the engine does: float16 where their values fit."""
    from code_loader.utils import simulate_engine_float16_downcast_on_call_args

    return simulate_engine_float16_downcast_on_call_args((), tensors)[1]
