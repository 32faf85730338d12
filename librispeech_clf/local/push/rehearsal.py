"""Run inside an unpacked bundle: code-loader's dataset check and one sample of every split, reported as JSON.

Run this file in a fresh process (`python -I rehearsal.py FOLDER [--without OTHER_FOLDER]`); do not import it: it
puts only the bundle on the path. Standard library, NumPy and code-loader only.
"""

import argparse
import contextlib
import dataclasses
import functools
import io
import json
import os
import sys
from pathlib import Path

PACKAGE = "librispeech_clf"
BATCH_SIZES = (1, 4)
UNLABELED = "unlabeled"
"""The state without ground truth: functions that read one are not called there."""
FRAMES = 1_757
"""Number of frames of the model's output for its widest input."""


def main() -> None:
    """Check the bundle named on the command line; print `rehearsal: ` followed by the result as JSON."""
    parser = argparse.ArgumentParser(description="Check an unpacked bundle.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--without", type=Path, help="a folder to take off the path, where the project is installed"
    )
    parser.add_argument("--entry-file", default="leap_binder.py")
    options = parser.parse_args()
    folder = options.folder.resolve()
    os.environ.setdefault("TL_DISABLE_ANALYTICS", "1")
    if options.without:
        sys.path[:] = [path for path in sys.path if Path(path).resolve() != options.without.resolve()]
    sys.path.insert(0, str(folder))
    result = check(folder, options.entry_file)
    print("rehearsal:", json.dumps(result), flush=True)


def check(folder: Path, entry_file: str) -> dict:
    """Check the dataset of an unpacked bundle, given its absolute path, and fetch the first sample of every split.

    Returns:
        `valid`; `error`, None or a text; `log`, what was printed; `payloads` and `samples` by name, None or
        the reason for a failure; `warnings`, names of payloads with any; `foreign`, modules of the package
        that came from elsewhere; `functions`, None or the reason for a failure for every metric, loss and
        visualizer; `wiring`, the connections that the integration test declares.
    """
    from code_loader import LeapLoader

    loader = LeapLoader(str(folder), entry_file)
    result = loader.check_dataset()
    wiring = describe_wiring(result.engine_file_contract)
    samples = fetch_samples(loader)
    functions = call_functions(loader, wiring) if result.is_valid and not any(samples.values()) else {}
    return {
        "valid": result.is_valid and not any([*samples.values(), *functions.values()]),
        "error": result.general_error,
        "log": result.print_log,
        "payloads": {part.name: None if part.is_passed else str(part.display) for part in result.payloads},
        "warnings": [part.name for part in result.payloads if "Warnings" in part.display],
        "samples": samples,
        "foreign": find_foreign_modules(folder),
        "functions": functions,
        "wiring": wiring,
    }


def fetch_samples(loader) -> dict[str, str | None]:
    """Fetch the first sample of every split; the value is None or the reason why that failed.

    Empty if no split can be opened: the dataset check says why.
    """
    reasons: dict[str, str | None] = {}
    try:
        opened = loader._preprocess_result()
    except Exception:
        return {}
    for state, response in opened.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                loader.get_sample(state, response.sample_ids[0])
            reasons[state.name] = None
        except Exception as error:  # whatever the integration raises is the finding
            cause = find_cause(response) or error
            known = isinstance(cause, FileNotFoundError | ValueError)
            reasons[state.name] = str(cause) if known else f"{type(cause).__name__}: {cause}"
    return reasons


def find_cause(response) -> Exception | None:
    """Return what an encoder raises for a split's first sample; code-loader only says that a shape is unknown."""
    from code_loader.inner_leap_binder import global_leap_binder

    setup = global_leap_binder.setup_container
    is_labeled = response.state.name != UNLABELED
    for handler in (*setup.inputs, *(setup.ground_truths if is_labeled else ())):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                handler.function(response.sample_ids[0], response)
        except Exception as error:
            return error
    return None


def describe_wiring(contract) -> list[dict]:
    """Return the declared connections in JSON form: dataclasses as objects, types by their value."""
    connections = contract.node_connections if contract else []
    text = json.dumps([dataclasses.asdict(entry) for entry in connections], default=lambda kind: kind.value)
    return json.loads(text)


def call_functions(loader, wiring: list[dict]) -> dict[str, str | None]:
    """Call every metric and loss on 1 and 4 utterances of each split, every visualizer on 1, without a model.

    Noise of the same shape stands in for the model's output; the loader's dataset check must have passed.

    Returns:
        None or the reason for a failure, by function, split and batch size.
    """
    calls = {"Metric": loader.run_metric, "CustomLoss": loader.run_custom_loss}
    calls["Visualizer"] = loader.run_visualizer
    reasons: dict[str, str | None] = {}
    for state, response in loader._preprocess_result().items():
        read = read_samples(loader, state, response.sample_ids[: max(BATCH_SIZES)])
        ids, samples = list(read), list(read.values())
        for size in sorted({min(size, len(ids)) for size in BATCH_SIZES}):
            for entry in wiring:
                kind = entry["node"]["type"]
                if kind not in calls or (kind == "Visualizer" and size > 1):
                    continue
                sources = (entry["node_inputs"] or {}).values()
                if state.name == UNLABELED and any(of["type"] == "GroundTruth" for of in sources):
                    continue
                name = entry["node"]["user_unique_name"]
                tensors = stack_tensors(entry["node_inputs"], samples[:size])
                what = f"{name}, {state.name}, batch of {size}"
                try:
                    with contextlib.redirect_stdout(io.StringIO()):
                        calls[kind](name, ids[:size], state, tensors)
                    reasons[what] = None
                except Exception as error:  # whatever the integration raises is the finding
                    reasons[what] = f"{type(error).__name__}: {error}"
    return reasons


def read_samples(loader, state, ids: list[str]) -> dict:
    """Return those of the utterances' samples that can be read; the first one's failure is already a finding."""
    samples = {}
    for sample_id in ids:
        with contextlib.suppress(Exception):
            samples[sample_id] = loader.get_sample(state, sample_id)
    return samples


def stack_tensors(sources: dict[str, dict], samples: list) -> dict:
    """Make the arguments of a wired function for a batch: inputs, ground truths, noise for the model's output."""
    import numpy as np
    from code_loader.inner_leap_binder import global_leap_binder

    classes = len(global_leap_binder.setup_container.prediction_types[0].labels)
    tensors = {}
    for argument, source in sources.items():
        name, kind = source["name"], source["type"]
        if kind.startswith("Prediction"):
            tensors[argument] = make_noise((len(samples), FRAMES, classes))
        else:
            kept = [sample.gt if kind == "GroundTruth" else sample.inputs for sample in samples]
            tensors[argument] = np.stack([arrays[name] for arrays in kept])
    return tensors


@functools.cache
def make_noise(shape: tuple[int, ...]):
    """Return noise in place of the model's output: float32 of this shape."""
    import numpy as np

    return np.random.default_rng(5).standard_normal(shape, np.float32)


def find_foreign_modules(folder: Path) -> list[str]:
    """List loaded modules of the package that do not lie in the bundle."""
    names = [name for name in sys.modules if name.split(".")[0] == PACKAGE]
    places = [getattr(sys.modules[name], "__file__", None) for name in names]
    files = [Path(place) for place in places if place]
    return sorted(str(file) for file in files if not file.resolve().is_relative_to(folder))


if __name__ == "__main__":
    main()
