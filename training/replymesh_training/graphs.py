"""The ONNX graphs of a space: each member's own, and several joined into one so that serving makes few calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from replymesh_training.byte_encoder import ByteEncoder
from replymesh_training.export import OPSET, to_onnx
from replymesh_training.features import TEXT_FEATURES
from replymesh_training.linear import LinearHead, LinearModel
from replymesh_training.meta import Candidates, MetaPool, Rescored
from replymesh_training.neighbours import Neighbours
from replymesh_training.projection import Projected, Projection
from replymesh_training.spaces import TunedSpace, TunedTop
from replymesh_training.trees import Forest, of_lightgbm

LEAST_SHARE = 1e-3
"""What a forest gives at least to every label, before the logarithm."""

ML_OPSET = 3


def joined(models: Sequence[onnx.ModelProto], outputs: Sequence[str]) -> onnx.ModelProto:
    """One graph of several, run in their order; tensors of one name are one tensor. `outputs`: what is left visible."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    values: dict[str, onnx.ValueInfoProto] = {}
    made: dict[str, onnx.ValueInfoProto] = {}
    for index, model in enumerate(models):
        graph = model.graph
        visible = {v.name for v in (*graph.input, *graph.output)}

        def name_of(name: str, visible: set[str] = visible, index: int = index) -> str:
            return name if name in visible or not name else f"m{index}.{name}"

        for value in graph.input:
            if value.name not in made:
                values.setdefault(value.name, value)
        made |= {v.name: v for v in graph.output}
        for node in graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.input[:], copy.output[:] = [name_of(n) for n in node.input], [name_of(n) for n in node.output]
            nodes.append(copy)
        for constant in graph.initializer:
            kept = onnx.TensorProto()
            kept.CopyFrom(constant)
            kept.name = name_of(constant.name)
            constants.append(kept)
    graph = helper.make_graph(nodes, "graph", list(values.values()), [made[name] for name in outputs], constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=models[0].ir_version, producer_name="replymesh-training")


def _graph(nodes: Sequence[onnx.NodeProto], inputs: Mapping[str, Sequence[str | int]], outputs: Mapping[str, Sequence[str | int]],
           constants: Mapping[str, Any], ir_version: int) -> onnx.ModelProto:  # fmt: skip
    """A graph of float32 tensors made by hand."""

    def values(shapes: Mapping[str, Sequence[str | int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in shapes.items()]

    arrays = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(list(nodes), "graph", values(inputs), values(outputs), arrays)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def top_graph(name: str, top: TunedTop, drop_below: int) -> onnx.ModelProto:
    """hidden, attention_mask, `<name>.dropout_mask` → `<name>.minilm.logits`, `<name>.mc.logits`."""
    width = top.head.in_features
    example = {
        "hidden": torch.randn(2, 9, width), "attention_mask": torch.ones(2, 9, dtype=torch.int64),
        f"{name}.dropout_mask": torch.ones(2, 3, width, dtype=torch.uint8),
    }  # fmt: skip
    axes = {"hidden": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}, f"{name}.dropout_mask": {0: "batch", 1: "samples"}}
    return to_onnx(TunedSpace(top, drop_below), example, [f"{name}.minilm.logits", f"{name}.mc.logits"], axes)


def byte_graph(name: str, model: ByteEncoder) -> onnx.ModelProto:
    """byte_ids, byte_mask → `<name>.roberta.logits`."""
    ids = torch.randint(model.word.num_embeddings, (2, 9))
    axes = {0: "batch", 1: "tokens"}
    return to_onnx(model, {"byte_ids": ids, "byte_mask": torch.ones_like(ids)}, [f"{name}.roberta.logits"], {"byte_ids": axes, "byte_mask": axes})


def linear_graph(name: str, model: LinearModel) -> onnx.ModelProto:
    """embedding, ngrams, ngram_counts → `<name>.logistic_regression.logits`."""
    head = LinearHead(model)
    example = {"embedding": torch.randn(2, len(head.weight)), "ngrams": torch.randint(9, (2, 7)), "ngram_counts": torch.ones(2, 7)}
    axes = {"embedding": {0: "batch"}, "ngrams": {0: "batch", 1: "ngrams"}, "ngram_counts": {0: "batch", 1: "ngrams"}}
    return to_onnx(head, example, [f"{name}.logistic_regression.logits"], axes)


def neighbours_graph(name: str, embedding: np.ndarray, nearest: int) -> onnx.ModelProto:
    """embedding → `<name>.distance`."""
    return to_onnx(Neighbours(embedding, nearest), {"embedding": torch.randn(2, embedding.shape[1])}, [f"{name}.distance"], {"embedding": {0: "batch"}})


def forests_graph(name: str, projection: Projection, forest: Forest, boost: Forest) -> onnx.ModelProto:
    """embedding, text_features → `<name>.random_forest.logits` (log of the shares) and `<name>.xgboost.logits` (margins)."""
    example = {"embedding": torch.randn(2, len(projection.weight)), "text_features": torch.rand(2, len(TEXT_FEATURES))}
    axes = {"embedding": {0: "batch"}, "text_features": {0: "batch"}}
    seen, shares, margins = (f"{name}.{part}" for part in ("tree_inputs", "random_forest.shares", "xgboost.margin"))
    projected = to_onnx(Projected(projection), example, [seen], axes)
    rf, xgb = f"{name}.random_forest.logits", f"{name}.xgboost.logits"
    classes = forest.targets
    constants: dict[str, Any] = {"least": np.float32(LEAST_SHARE)}
    nodes = [forest.node("random_forest", seen, shares), helper.make_node("Clip", [shares, "least"], ["clipped"]), helper.make_node("Log", ["clipped"], [rf])]
    if boost.targets == classes:
        nodes.append(boost.node("xgboost", seen, xgb))
    else:  # two labels have one margin m: logits −m/2 and m/2
        constants["halves"] = np.array([-0.5, 0.5], np.float32)
        nodes += [boost.node("xgboost", seen, margins), helper.make_node("Mul", [margins, "halves"], [xgb])]
    width = projection.weight.shape[1] + len(TEXT_FEATURES)
    own = _graph(nodes, {seen: ["batch", width]}, {rf: ["batch", classes], xgb: ["batch", classes]}, constants, projected.ir_version)
    return joined([projected, own], [rf, xgb])


def meta_graph(name: str, model: lightgbm.Booster, pool: MetaPool, candidates: int, labels: int) -> onnx.ModelProto:
    """`<name>.distance` and the members' logits → `<name>.lightgbm.logits`."""
    example: dict[str, Tensor] = {f"{name}.distance": torch.rand(2, 1)} | {f"{name}.{m}.logits": torch.randn(2, labels) for m in pool.members}
    features, places, pooled, scores, logits = (f"{name}.{part}" for part in ("features", "candidates", "pooled", "scores", "lightgbm.logits"))
    batch = {key: {0: "batch"} for key in example}
    first = to_onnx(Candidates(pool, candidates), example, [features, places, pooled], batch, plain=1)
    width = 4 + 2 * len(pool.members)
    own = _graph([of_lightgbm(model).node("lightgbm", features, scores)], {features: ["rows", width]}, {scores: ["rows", 1]}, {}, first.ir_version)
    grouped = f"{name}.grouped"
    own.graph.node.append(helper.make_node("Reshape", [scores, "shape"], [grouped]))
    own.graph.initializer.append(numpy_helper.from_array(np.array([-1, candidates], np.int64), "shape"))
    own.graph.output[0].CopyFrom(helper.make_tensor_value_info(grouped, TensorProto.FLOAT, ["batch", candidates]))
    last_example = {grouped: torch.randn(2, candidates), places: torch.randint(labels, (2, candidates)), pooled: torch.randn(2, labels)}
    last = to_onnx(Rescored(), last_example, [logits], {key: {0: "batch"} for key in last_example})
    return joined([first, own, last], [logits])

