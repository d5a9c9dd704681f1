"""PyTorch modules → ONNX graphs with the names of the bundle, and nothing of the machine that made them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

OPSET = 18
logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of torchvision, which nothing here needs
Axes = Mapping[int, str]


def _clean(model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
    """Short names inside, the given names outside, no stack traces: the exporter writes file paths into the metadata."""
    graph = model.graph
    names = {v.name: new for values, news in ((graph.input, inputs), (graph.output, outputs)) for v, new in zip(values, news, strict=True)}
    made = [*(c.name for c in graph.initializer), *(name for node in graph.node for name in node.output)]
    for name in filter(None, made):
        names.setdefault(name, f"v{len(names)}")
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        node.name = node.doc_string = ""
        del node.metadata_props[:]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
        del value.metadata_props[:]
    del graph.value_info[:], model.metadata_props[:], model.functions[:]
    graph.name, model.producer_name, model.producer_version, model.doc_string = "graph", "replymesh-training", "", ""
    return model


def to_onnx(module: nn.Module, example: Mapping[str, Tensor], outputs: Sequence[str], axes: Mapping[str, Axes], plain: int | None = None) -> onnx.ModelProto:
    """One graph. `example` and `axes` are keyed by the input's name in the graph, in the order of the module's arguments;
    what comes after the first `plain` of them is the module's `*args`.

    The example needs sizes above 1 on every dynamic axis: the exporter takes a size of 1 for a constant.
    """
    sizes = {name: torch.export.Dim(name, min=1, max=1 << 14) for own in axes.values() for name in own.values()}
    shapes: tuple[object, ...] = tuple({axis: sizes[name] for axis, name in axes[key].items()} for key in example)
    if plain is not None:
        shapes = (*shapes[:plain], shapes[plain:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(), tuple(example.values()), dynamo=True, opset_version=OPSET, dynamic_shapes=shapes,
            input_names=[f"in{i}" for i in range(len(example))], output_names=[f"out{i}" for i in range(len(outputs))],
            external_data=False, verbose=False,
        )  # fmt: skip
    assert program is not None
    return _clean(program.model_proto, list(example), outputs)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Check and write a graph."""
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
