"""TensorFlow, the backend to compare with: Spleeter's own graph, frozen, in a lasting session."""

from pathlib import Path

import tensorflow as tf

from stemdrop_separate.models.network import Magnitude


class TensorflowBackend:
    """Spleeter's graph; `magnitude` goes in, one output per instrument comes out."""

    def __init__(self, path: Path, instruments: tuple[str, ...], threads: int) -> None:
        definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        graph = tf.Graph()
        with graph.as_default():
            tf.compat.v1.import_graph_def(definition, name="")
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        # Rewriting the graph first takes 1.5 s, and later runs are no faster.
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        self.parallel = 1  # the session has threads of its own
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        self._outputs = {instrument: f"{instrument}:0" for instrument in instruments}

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        """Estimate each instrument's magnitudes; see `stemdrop_separate.models.network.Backend`."""
        channels_last = magnitude.transpose(0, 2, 3, 1)
        estimates = self._session.run(self._outputs, {"magnitude:0": channels_last})
        return {name: estimate.transpose(0, 3, 1, 2) for name, estimate in estimates.items()}
