"""Spleeter's networks as TensorFlow graphs, built by Spleeter's own code."""

import importlib.resources
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import spleeter.resources
import tensorflow as tf
from spleeter.model import get_model_function

from stemdrop_model.errors import CheckpointError

v1 = tf.compat.v1
INPUT = "magnitude"
CHECKPOINT = "model"


def configuration(model: str) -> dict[str, Any]:
    """Read Spleeter's configuration of a model, such as ``4stems`` or ``4stems-16kHz``."""
    path = importlib.resources.files(spleeter.resources) / f"{model}.json"
    parameters: dict[str, Any] = json.loads(path.read_text())
    return parameters


def build(model: str) -> Any:
    """Build the graph of a model for prediction, with variables that have no values yet.

    Returns
    -------
    A TensorFlow graph from ``magnitude``, float32 of shape (segments, T, bins, 2), with any number
    of segments and of bins, to one output of that shape for each instrument, named as it is.
    """
    parameters = configuration(model)
    graph = tf.Graph()
    with graph.as_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 2 calls its own TensorFlow 1 mode deprecated
        v1.keras.backend.set_learning_phase(0)
        shape = (None, parameters["T"], None, parameters["n_channels"])
        magnitude = v1.placeholder(tf.float32, shape, name=INPUT)
        apply = get_model_function(parameters["model"]["type"])
        instruments = parameters["instrument_list"]
        outputs = apply(magnitude, instruments, parameters["model"]["params"])
        for instrument in instruments:
            tf.identity(outputs[f"{instrument}_spectrogram"], name=instrument)
    return graph


@contextmanager
def restored(model: str, folder: Path) -> Iterator[Any]:
    """Open a TensorFlow session on a model with the weights of a checkpoint.

    Parameters
    ----------
    model : such as ``4stems``.
    folder : holds the checkpoint, in files named ``model.*``.

    Raises
    ------
    CheckpointError : there is no checkpoint, or it is not one of this model.
    """
    with build(model).as_default() as graph, _session(graph) as session:
        try:
            v1.train.Saver().restore(session, str(folder / CHECKPOINT))
        except (tf.errors.OpError, ValueError) as error:
            raise CheckpointError(
                f"{model}: its checkpoint is damaged, or another model's."
            ) from error
        yield session


def _session(graph: Any) -> Any:
    """Open a session that runs the graph as it is: rewriting it first costs more than it saves."""
    options = v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    return v1.Session(graph=graph, config=options)


def freeze(session: Any, instruments: Sequence[str]) -> Any:
    """Return the session's graph, as a GraphDef, with the weights as constants."""
    graph = session.graph.as_graph_def()
    return v1.graph_util.convert_variables_to_constants(session, graph, instruments)


@contextmanager
def loaded(path: Path) -> Iterator[Any]:
    """Open a TensorFlow session on a frozen graph."""
    definition = v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph, _session(graph) as session:
        tf.import_graph_def(definition, name="")
        yield session


def run(session: Any, magnitude: Any, instruments: Sequence[str]) -> dict[str, Any]:
    """Estimate the magnitudes of all instruments, each of the mix's shape.

    Parameters
    ----------
    magnitude : float32, shape (segments, 2, 512, bins). Spleeter's graphs have the channels last.
    """
    outputs = {instrument: f"{instrument}:0" for instrument in instruments}
    estimates = session.run(outputs, {f"{INPUT}:0": magnitude.transpose(0, 2, 3, 1)})
    return {name: estimate.transpose(0, 3, 1, 2) for name, estimate in estimates.items()}
