from pathlib import Path

import onnx
import pytest
from onnx import shape_inference

from benchmarks.network_rate import count_operations
from checkpoint_files import variables
from stemdrop_model.architecture import ARCHITECTURES, BINS, CHANNELS
from stemdrop_model.manifest import NETWORK
from stemdrop_model.unet import FILTERS, build_network


@pytest.mark.parametrize("bins", BINS.values())
def test_operations_are_those_of_the_graph(tmp_path: Path, bins: int) -> None:
    values = {name: value for name, value in variables(FILTERS, 2).items() if value.ndim}
    built = build_network("2stems", ARCHITECTURES["2stems"], values)
    (tmp_path / "2stems.onnx").write_bytes(built[NETWORK])
    model = onnx.load(tmp_path / "2stems.onnx", load_external_data=False)
    for end in (*model.graph.input, *model.graph.output):
        axes = end.type.tensor_type.shape.dim
        axes[0].dim_value, axes[3].dim_value = 1, bins
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
    }
    shapes |= {constant.name: list(constant.dims) for constant in inferred.initializer}
    products = 0
    for node in inferred.node:
        if node.op_type == "Conv" and 1 not in shapes[node.input[1]][:2]:
            _, inputs, rows, columns = shapes[node.input[1]]
            _, outputs, frames, width = shapes[node.output[0]]
            products += inputs * rows * columns * outputs * frames * width
        if node.op_type == "ConvTranspose":
            inputs, outputs, rows, columns = shapes[node.input[1]]
            products += inputs * outputs * rows * columns * frames_of(shapes[node.input[0]])
    # The graph has the last convolutions of both instruments as one, with zeros between them.
    zeros = 16 * CHANNELS * 2 * 512 * bins
    assert 2 * (products - zeros) == count_operations(bins, 2)


def frames_of(shape: list[int]) -> int:
    return shape[2] * shape[3]
