"""Forests as ONNX: trees of scikit-learn, XGBoost and LightGBM as one table of nodes, and that table as a TreeEnsembleRegressor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import lightgbm
import numpy as np
import onnx
import xgboost
from onnx import helper
from sklearn.ensemble import RandomForestClassifier

Array = np.ndarray
Node = tuple[int, float, int, int, Mapping[int, float]]
"""Feature (−1 for a leaf), threshold, left, right, weights of a leaf by target."""
Branch = Literal["BRANCH_LEQ", "BRANCH_LT"]


def floor32(value: float) -> float:
    """The largest float32 that is not above a float64: x ≤ value and x ≤ floor32(value) say the same of every float32 x."""
    near = np.float32(value)
    return float(near if near <= value else np.nextafter(near, np.float32(-np.inf)))


@dataclass
class Forest:
    """Trees of `targets` outputs, summed onto `base`."""

    targets: int
    branch: Branch
    base: Sequence[float]
    trees: list[list[Node]] = field(default_factory=list)

    def node(self, name: str, source: str, output: str) -> onnx.NodeProto:
        """The operator of ai.onnx.ml: source float32 (batch, features) → (batch, targets)."""
        nodes: dict[str, list[Any]] = {key: [] for key in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")}
        leaves: dict[str, list[Any]] = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
        for tree, table in enumerate(self.trees):
            for place, (feature, threshold, left, right, weights) in enumerate(table):
                leaf = feature < 0
                row = (tree, place, max(feature, 0), "LEAF" if leaf else self.branch, 0.0 if leaf else threshold, 0 if leaf else left, 0 if leaf else right)
                for key, value in zip(nodes, row, strict=True):
                    nodes[key].append(value)
                for target, weight in weights.items():
                    for key, value in zip(leaves, (tree, place, target, weight), strict=True):
                        leaves[key].append(value)
        attributes: dict[str, Any] = {
            "n_targets": self.targets, "aggregate_function": "SUM", "post_transform": "NONE", "base_values": [float(b) for b in self.base],
            "nodes_hitrates": [1.0] * len(nodes["treeids"]), "nodes_missing_value_tracks_true": [0] * len(nodes["treeids"]),
        }  # fmt: skip
        attributes |= {f"nodes_{key}": value for key, value in nodes.items()} | {f"target_{key}": value for key, value in leaves.items()}
        return helper.make_node("TreeEnsembleRegressor", [source], [output], name=name, domain="ai.onnx.ml", **attributes)


def of_random_forest(model: RandomForestClassifier) -> Forest:
    """Mean of the leaves' class shares. Classes must be 0 … n − 1."""
    forest = Forest(len(model.classes_), "BRANCH_LEQ", [0.0] * len(model.classes_))
    for estimator in model.estimators_:
        tree = estimator.tree_
        shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(1, keepdims=True) / len(model.estimators_)
        table: list[Node] = []
        for place in range(tree.node_count):
            if tree.children_left[place] < 0:
                table.append((-1, 0.0, 0, 0, {int(c): float(shares[place, c]) for c in np.flatnonzero(shares[place])}))
            else:
                children = int(tree.children_left[place]), int(tree.children_right[place])
                table.append((int(tree.feature[place]), floor32(tree.threshold[place]), *children, {}))
        forest.trees.append(table)
    return forest


def of_xgboost(model: xgboost.XGBClassifier, classes: int) -> Forest:
    """Margins by class, the tree's base score included."""
    content = json.loads(model.get_booster().save_raw("json"))["learner"]
    score = content["learner_model_param"]["base_score"]
    base = [float(s) for s in json.loads(score)] if score.startswith("[") else [float(score)]
    if classes == 2:
        base = [float(np.log(b / (1 - b))) for b in base]
    targets = 1 if classes == 2 else classes
    forest = Forest(targets, "BRANCH_LT", base * targets if len(base) == 1 else base)
    booster = content["gradient_booster"]["model"]
    for tree, target in zip(booster["trees"], booster["tree_info"], strict=True):
        table: list[Node] = []
        for feature, condition, left, right in zip(tree["split_indices"], tree["split_conditions"], tree["left_children"], tree["right_children"], strict=True):
            table.append((-1, 0.0, 0, 0, {target: condition}) if left < 0 else (feature, condition, left, right, {}))
        forest.trees.append(table)
    return forest


def of_lightgbm(model: lightgbm.Booster) -> Forest:
    """Raw scores of a booster with one output."""
    forest = Forest(1, "BRANCH_LEQ", [0.0])
    for tree in model.dump_model()["tree_info"]:
        table: list[Node] = []

        def add(node: Mapping[str, Any], table: list[Node] = table) -> int:
            place = len(table)
            if "leaf_value" in node:
                table.append((-1, 0.0, 0, 0, {0: node["leaf_value"]}))
                return place
            if node["decision_type"] != "<=":
                raise ValueError(f"a split of the kind {node['decision_type']} has no counterpart")
            table.append((0, 0.0, 0, 0, {}))
            left, right = add(node["left_child"]), add(node["right_child"])
            table[place] = (node["split_feature"], floor32(node["threshold"]), left, right, {})
            return place

        add(tree["tree_structure"])
        forest.trees.append(table)
    return forest
