"""Share an evaluation's windows among the machines of a Ray cluster.

A window is a Ray task. The process that Ray runs it in holds corpus and model from its first window on; Ray decides
how many processes there are and where, and reruns the windows of a lost machine. The same windows are the same
batches, so the results are those of one machine to the last bit. Project, corpus and model must be visible to every
machine under the same path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from librispeech_clf.local.evaluation.engine import Engine, Row, Task
    from librispeech_clf.local.evaluation.opening import Request

_engines: list[Engine] = []
"""The engine of this process, if Ray runs it: a job has one request."""


def evaluate_on_cluster(
    address: str, request: Request, windows: Sequence[dict[str, Task]]
) -> Iterator[tuple[dict[str, Task], list[Row]]]:
    """Evaluate windows on a cluster.

    Args:
        address: address of the cluster; "auto" for the one this machine belongs to, "local" for processes on it.
        request: what every worker opens.
        windows: what to evaluate, by the keys of the rows.

    Yields:
        A window and its rows, as soon as it is finished.

    Raises:
        ImportError: Ray is not installed.
        OSError: there is no such cluster, or a worker does not find the corpus.
    """
    try:
        import ray
    except ImportError:
        raise ImportError("--ray needs Ray; install it with: pip install -e '.[cluster]'.") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    try:
        graphics = 1 if ray.cluster_resources().get("GPU") else 0
        task = ray.remote(num_cpus=1, num_gpus=graphics, max_retries=-1)(_evaluate)
        shared = ray.put(request)
        pending = {task.remote(shared, list(window.values())): window for window in windows}
        while pending:
            (ready,), _ = ray.wait(list(pending))
            try:
                yield pending.pop(ready), ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
    finally:
        ray.shutdown()


def _evaluate(request: Request, window: Sequence[Task]) -> list[Row]:
    """Evaluate a window in one of Ray's processes."""
    os.environ["TL_DISABLE_ANALYTICS"] = "1"
    # Ray sets OMP_NUM_THREADS to the processors that it gave the task; TensorFlow has its own variable.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    from librispeech_clf.local.evaluation.opening import evaluate_window, open_engine

    if not _engines:
        _engines.append(open_engine(request)[0])
    return [row for batch in evaluate_window(_engines[0], window, request) for row in batch]
