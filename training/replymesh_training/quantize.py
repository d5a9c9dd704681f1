"""8-bit ONNX graphs whose answer for one text does not depend on the texts beside it.

onnxruntime's dynamic quantisation takes one activation scale for a whole batch, so a text's logits move with its neighbours and a
decision could not be re-run. Here each token has its own scale: as fast and as small, nearer to float32, and the same in any batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

ACTIVATION_STEPS = 127  # ± around the zero point 128, in uint8
WEIGHT_STEPS = 63  # 7 bits: a pair of products stays within int16 on CPUs without VNNI, so that every CPU computes the same
SMOOTHING = 0.5  # how much of a column's activation range moves into the weights; tried .3, .5, .7 on CLINC150 texts: .5 is nearest to float32
MIN_QUANTIZED = 1 << 16  # smaller weights (heads) stay float32

Array = np.ndarray
Feed = Mapping[str, Array]


def large_weights(model: onnx.ModelProto) -> dict[str, Array]:
    """Constant second inputs of MatMul with at least `MIN_QUANTIZED` elements, by name."""
    constants = {c.name: c for c in model.graph.initializer}
    names = {n.input[1] for n in model.graph.node if n.op_type == "MatMul" and n.input[1] in constants}
    arrays = {name: numpy_helper.to_array(constants[name]) for name in sorted(names)}
    return {name: array for name, array in arrays.items() if array.ndim == 2 and array.size >= MIN_QUANTIZED}


def activation_ranges(model: onnx.ModelProto, feeds: Sequence[Feed]) -> dict[str, Array]:
    """Largest absolute value of each column of each large MatMul's first input over the feeds, by the input's name."""
    weights = large_weights(model)
    names = sorted({n.input[0] for n in model.graph.node if n.op_type == "MatMul" and n.input[1] in weights})
    if not names:
        return {}
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    outputs = {o.name for o in probe.graph.output}
    probe.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names if n not in outputs)
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    ranges: dict[str, Array] = {}
    for feed in feeds:
        for name, value in zip(names, session.run(names, dict(feed)), strict=True):
            largest = np.abs(value).reshape(-1, value.shape[-1]).max(0)
            ranges[name] = np.maximum(ranges.get(name, 0), largest)
    return ranges


def smoothing_factors(ranges: Array, weight: Array) -> Array:
    """float32 (rows of the weight,), geometric mean 1: what a column is divided by and its weights multiplied with. Xiao et al. 2023."""
    factors = np.maximum(ranges, 1e-4) ** SMOOTHING / np.maximum(np.abs(weight).max(1), 1e-6) ** (1 - SMOOTHING)
    return np.asarray(factors / np.exp(np.log(factors).mean()), dtype=np.float32)


class _Rewriter:
    """Collects the nodes and constants of the new graph; one use per graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.known: set[str] = set()

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: Array) -> str:
        if name not in self.known:
            self.known.add(name)
            self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def quantized_rows(self, source: str, factors: Array) -> tuple[str, str]:
        """uint8 (rows, width) and float32 (rows, 1): each row of the source with its own scale. Shared by all readers of the source."""
        quantized, scale = f"{source}.q", f"{source}.scale"
        if quantized in self.known:
            return quantized, scale
        self.known.add(quantized)
        smoothed = self.node("Mul", [source, self.constant(f"{source}.smoothing", 1 / factors)], f"{source}.smoothed")
        flat = self.node("Reshape", [smoothed, self.constant(f"{source}.flat_shape", np.array([-1, len(factors)], np.int64))], f"{source}.flat")
        last = self.constant("q.last_axis", np.array([-1], np.int64))
        size = self.node("Abs", [flat], f"{source}.size")
        largest = self.node("ReduceMax", [size, last], f"{source}.largest", keepdims=0)
        step = self.constant("q.step", np.array(1 / ACTIVATION_STEPS, np.float32))
        scales = self.node("Mul", [largest, step], f"{source}.scales_or_0")
        scales = self.node("Max", [scales, self.constant("q.least_scale", np.array(1e-8, np.float32))], f"{source}.scales")
        rows = self.node("Shape", [scales], f"{source}.rows")
        zeros = self.node("Expand", [self.zero_point(), rows], f"{source}.zero_points")
        self.node("QuantizeLinear", [flat, scales, zeros], quantized, axis=0)
        self.node("Unsqueeze", [scales, last], scale)
        return quantized, scale

    def zero_point(self) -> str:
        return self.constant("q.zero_point", np.array(ACTIVATION_STEPS + 1, np.uint8))

    def matmul(self, node: onnx.NodeProto, weight: Array, ranges: Array) -> None:
        source, name, output = node.input[0], node.input[1], node.output[0]
        factors = smoothing_factors(ranges, weight)
        smooth_weight = weight * factors[:, None]
        steps = np.maximum(np.abs(smooth_weight).max(0) / WEIGHT_STEPS, 1e-12).astype(np.float32)
        levels = np.clip(np.rint(smooth_weight / steps), -WEIGHT_STEPS, WEIGHT_STEPS).astype(np.int8)
        rows, scale = self.quantized_rows(source, factors)
        sums = self.node("MatMulInteger", [rows, self.constant(f"{name}.q", levels), self.zero_point()], f"{output}.sums")
        product = self.node("Cast", [sums], f"{output}.float", to=TensorProto.FLOAT)
        product = self.node("Mul", [product, scale], f"{output}.by_row")
        product = self.node("Mul", [product, self.constant(f"{name}.steps", steps)], f"{output}.by_column")
        lead = self.node("Shape", [source], f"{output}.lead", start=0, end=-1)
        shape = self.node("Concat", [lead, self.constant(f"{name}.columns", np.array([weight.shape[1]], np.int64))], f"{output}.shape", axis=0)
        self.node("Reshape", [product, shape], output)

    def gather(self, node: onnx.NodeProto, table: Array) -> None:
        name, places, output = node.input[0], node.input[1], node.output[0]
        steps = np.maximum(np.abs(table).max(1, keepdims=True) / 127, 1e-12).astype(np.float32)
        levels = np.clip(np.rint(table / steps), -127, 127).astype(np.int8)
        row = self.node("Gather", [self.constant(f"{name}.q", levels), places], f"{output}.levels", axis=0)
        row = self.node("Cast", [row], f"{output}.float", to=TensorProto.FLOAT)
        step = self.node("Gather", [self.constant(f"{name}.steps", steps), places], f"{output}.step", axis=0)
        self.node("Mul", [row, step], output)


def quantize(model: onnx.ModelProto, feeds: Sequence[Feed]) -> onnx.ModelProto:
    """The same graph with its large MatMul weights and embedding tables in 8 bits. ValueError when two weights read one tensor.

    feeds: typical inputs, from which the ranges of the activations are read.
    """
    weights, ranges = large_weights(model), activation_ranges(model, feeds)
    constants = {c.name: c for c in model.graph.initializer}
    readers = [n.input[0] for n in model.graph.node if n.op_type == "MatMul" and n.input[1] in weights]
    if len(readers) != len(set(readers)):
        raise ValueError("two large weights read the same tensor; join them into one, their smoothing would differ")
    rewriter, replaced = _Rewriter(), set(weights)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            rewriter.matmul(node, weights[node.input[1]], ranges[node.input[0]])
        elif node.op_type == "Gather" and node.input[0] in constants and constants[node.input[0]].data_type == TensorProto.FLOAT:
            replaced.add(node.input[0])
            rewriter.gather(node, numpy_helper.to_array(constants[node.input[0]]))
        else:
            rewriter.nodes.append(node)
    kept = [c for c in model.graph.initializer if c.name not in replaced]
    graph = helper.make_graph(rewriter.nodes, model.graph.name, model.graph.input, model.graph.output, [*kept, *rewriter.constants])
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="replymesh-training")
