"""Each head's graph against what it was made of, and the same bits in any batch."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier

from replymesh_training import graphs, linear, meta, projection, trees
from replymesh_training.config import LinearConfig, MetaConfig
from replymesh_training.features import features_of
from replymesh_training.metrics import negative_log_likelihood

Array = np.ndarray
ROWS, WIDTH, NEAREST = 600, 64, 5
RNG = np.random.default_rng(1)


def rows(labels: int) -> tuple[Array, Array]:
    """Unit vectors (ROWS, WIDTH), each near the axis of its label, and the labels."""
    y = np.arange(ROWS) % labels
    x = RNG.normal(size=(ROWS, WIDTH)).astype(np.float32)
    x[np.arange(ROWS), y] += 3
    return x / np.linalg.norm(x, axis=1, keepdims=True), y


def run(model: onnx.ModelProto, **inputs: Array) -> dict[str, Array]:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feed = {i.name: inputs[i.name.replace("s.", "").replace(".", "_")] for i in session.get_inputs()}
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


@pytest.mark.parametrize("labels", [2, 7])
def test_forests_say_what_their_libraries_say(labels: int) -> None:
    embedding, y = rows(labels)
    known, asked = slice(0, ROWS // 2), slice(ROWS // 2, ROWS)
    text_features = RNG.random((ROWS, 10)).astype(np.float32)
    axes = projection.fit_projection(embedding[known], y[known], 20)
    seen = axes.inputs(embedding, text_features)
    forest = RandomForestClassifier(12, max_depth=6, random_state=1).fit(seen[known], y[known])
    boost = xgboost.XGBClassifier(n_estimators=6, max_depth=3).fit(seen[known], y[known])
    model = graphs.forests_graph("s", axes, trees.of_random_forest(forest), trees.of_xgboost(boost, labels))
    found = run(model, embedding=embedding[asked], text_features=text_features[asked])
    shares = np.maximum(forest.predict_proba(seen[asked]), graphs.LEAST_SHARE)
    assert np.abs(np.exp(found["s.random_forest.logits"]) - shares).max() < 1e-6
    margins = boost.predict(seen[asked], output_margin=True)
    logits = found["s.xgboost.logits"]
    assert np.abs((logits[:, 1] - logits[:, 0] if labels == 2 else logits) - margins).max() < 1e-5


def test_the_regression_keeps_its_answers_with_its_words_in_eight_bits() -> None:
    embedding, y = rows(3)
    words = ["refund", "parcel", "password"]
    features = features_of([f"where is my {words[label]} {i % 5}" for i, label in enumerate(y)])
    model = linear.fit_linear(embedding, features, y, 4.0, LinearConfig())
    found = run(graphs.linear_graph("s", model), embedding=embedding, ngrams=features.buckets, ngram_counts=features.counts)
    exact = model.logits(embedding, features)
    assert np.abs(found["s.logistic_regression.logits"] - exact).max() < 0.02
    assert (found["s.logistic_regression.logits"].argmax(1) == exact.argmax(1)).all()


def test_the_meta_learner_joined_to_what_it_reads_says_what_lightgbm_says(tmp_path: Path) -> None:
    embedding, y = rows(6)
    sure, vague = (np.eye(6, dtype=np.float32)[y] * size + RNG.normal(size=(ROWS, 6)).astype(np.float32) for size in (3, 1))
    members = {"minilm": sure, "roberta": vague}
    pool = meta.MetaPool(list(members), [1.2, 0.9], [0.7, 0.4])
    near = graphs.neighbours_graph("s", embedding, NEAREST)
    distance = run(near, embedding=embedding)["s.distance"]
    booster = meta.fit_meta(pool, distance, members, y, MetaConfig(rounds=20, least_leaf=10), 1)
    meta.save_meta(booster, tmp_path)
    booster = meta.load_meta(tmp_path)
    joined = graphs.joined([near, graphs.meta_graph("s", booster, pool, 4, 6)], ["s.distance", "s.lightgbm.logits"])
    found = run(joined, embedding=embedding, minilm_logits=sure, roberta_logits=vague)["s.lightgbm.logits"]
    expected = meta.meta_logits(booster, pool, distance, members, 4)
    # On one processor the two were seen to part by 6e-5, all candidates of a row alike: by the logarithm of their sum.
    assert np.abs(found - expected).max() < 2e-4
    assert np.exp(found).sum(1) == pytest.approx(1, abs=2e-4)
    assert negative_log_likelihood(np.exp(found), y) < negative_log_likelihood(np.full((ROWS, 6), 1 / 6), y)


def test_a_threshold_parts_float32_numbers_as_its_float64_does() -> None:
    x = RNG.normal(size=2000).astype(np.float32)
    beside = np.nextafter(x, np.float32(np.inf))
    # A forest's thresholds lie between neighbours among its rows, here so close that rounding them could pass one.
    for threshold in (x.astype(np.float64) + beside) / 2, x.astype(np.float64), x + (beside - x.astype(np.float64)) * 0.9:
        floored = np.array([trees.floor32(t) for t in threshold], np.float32)
        assert np.array_equal(x <= floored, x <= threshold)
        assert np.array_equal(beside <= floored, beside <= threshold)


def test_a_distance_has_the_same_bits_in_any_batch_and_is_least_at_home() -> None:
    embedding, _ = rows(4)
    model = graphs.neighbours_graph("s", embedding, NEAREST)
    # onnxruntime's kernels for these add in another order when the batch is another one; on these few rows it does not always show.
    assert not {"ReduceMean", "ReduceSum"} & {node.op_type for node in model.graph.node}
    whole = run(model, embedding=embedding)["s.distance"]
    for count in (1, 2, 3, 5, 8, 13):
        assert np.array_equal(run(model, embedding=embedding[:count])["s.distance"], whole[:count])
    assert whole.mean() < run(model, embedding=-embedding)["s.distance"].mean()
