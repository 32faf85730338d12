"""Run by the engine's Python (3.8 to 3.10): import a model file as Tensorleap's engine does, and call it.

Run this file in a fresh process (`python -I import_in_engine.py MODEL FOLDER`); do not import it. In: FOLDER's
wiring.json, the connections that the integration test declares, and audio.npz, batches by name. Out: FOLDER's
answers.npz, logits by the same names and `gradient` at the input of `mixed`; and a line `engine: ` with JSON.
"""

import json
import os
import sys
from pathlib import Path


def main(model_file, folder):
    """Import and call the model; print what it is made of, or the importer's error as `error`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        result = rehearse(Path(model_file), Path(folder))
    except Exception as error:  # anything the importer raises is the finding
        result = {"error": "{}: {}".format(type(error).__name__, " ".join(str(error).split()))}
    print("engine:", json.dumps(result), flush=True)


def rehearse(model_file, folder):
    """Import the model, call it on every batch, and describe it."""
    import numpy as np
    import tensorflow as tf
    from leap_model_parser.contract.importmodelresponse import ImportModelTypeEnum
    from leap_model_parser.model_parser import ModelParser

    connections = read_connections(folder / "wiring.json")
    parser = ModelParser(mapping_connections=connections)
    graph, inputs, model, error = parser.get_keras_model_and_model_graph(
        model_file, ImportModelTypeEnum.H5_TF2
    )
    if error:
        raise ValueError(error)
    with np.load(str(folder / "audio.npz")) as file:
        batches = {name: tf.constant(file[name]) for name in file.files}
    answers = {name: logits_of(model, batch).numpy() for name, batch in batches.items()}
    with tf.GradientTape() as tape:
        tape.watch(batches["mixed"])
        score = tf.reduce_sum(tf.nn.log_softmax(logits_of(model, batches["mixed"])))
    answers["gradient"] = tape.gradient(score, batches["mixed"]).numpy()
    np.savez(str(folder / "answers.npz"), **answers)
    return {
        "error": None,
        "nodes": len(graph),
        "inputs": [entry.name for entry in inputs],
        "outputs": [[int(size or 0) for size in output.shape] for output in model.outputs],
        "foreign": sorted({type(layer).__name__ for layer in model.layers if not is_built_in(layer)}),
    }


def read_connections(path):
    """Read the wiring as the importer's own classes."""
    from code_loader.contract.mapping import NodeConnection, NodeMapping, NodeMappingType

    def mapping(values):
        return NodeMapping(**dict(values, type=NodeMappingType(values["type"])))

    return [
        NodeConnection(
            mapping(entry["node"]),
            entry["node_inputs"] and {name: mapping(value) for name, value in entry["node_inputs"].items()},
        )
        for entry in json.loads(path.read_text(encoding="utf-8"))
    ]


def logits_of(model, batch):
    """Return the model's first output."""
    answer = model(batch)
    return answer[0] if isinstance(answer, (list, tuple)) else answer  # noqa: UP038


def is_built_in(layer):
    """Return whether a layer is one of Keras's own, and runs no code from the file."""
    return type(layer).__module__.split(".")[0] == "keras" and type(layer).__name__ != "Lambda"


if __name__ == "__main__":
    main(*sys.argv[1:])
