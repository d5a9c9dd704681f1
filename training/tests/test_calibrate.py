import numpy as np
import pytest
from scipy.special import softmax

from replymesh_training import calibrate, metrics


def sharpened(temperature: float, rows: int = 4000, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too sure by a known temperature, and labels drawn from the honest probabilities."""
    random = np.random.default_rng(7)
    honest = random.normal(0, 2, (rows, classes))
    labels = np.array([random.choice(classes, p=p) for p in softmax(honest, axis=1)])
    return honest * temperature, labels


def test_temperature_finds_how_much_too_sure_a_model_is() -> None:
    logits, labels = sharpened(3.0)
    assert calibrate.fit_temperature(logits, labels) == pytest.approx(3.0, rel=0.1)


def test_rows_without_an_error_make_no_model_certain() -> None:
    labels = np.arange(37) % 6
    logits = np.eye(6)[labels] * 20 + np.random.default_rng(1).normal(0, 1, (37, 6))
    temperature = calibrate.fit_temperature(logits, labels)
    weights = calibrate.fit_pool_weights([logits, logits / 2], [temperature] * 2, labels)
    samples = np.stack([logits, logits + 1], axis=1)
    found = [
        calibrate.softmax_at(logits, temperature),
        calibrate.pool([logits, logits / 2], [temperature] * 2, weights),
        calibrate.softmax_at(logits, calibrate.fit_monte_carlo_temperature(samples, labels)),
    ]
    # 37 right answers of 37: 38 / 39.
    assert [p[np.arange(37), labels].mean() for p in found] == pytest.approx([38 / 39] * 3, abs=0.003)


def test_prediction_sets_hold_the_true_label_about_as_often_as_asked() -> None:
    logits, labels = sharpened(1.0)
    probabilities = softmax(logits, axis=1)
    least = calibrate.fit_least_probability(probabilities[:2000], labels[:2000], 0.9)
    sets = calibrate.prediction_sets(probabilities[2000:], least)
    covered = np.mean([label in held for label, held in zip(labels[2000:], sets, strict=True)])
    # 2,000 rows on either side: two standard errors of both draws together.
    assert covered == pytest.approx(0.9, abs=0.02)


def test_a_coverage_that_the_rows_cannot_give_is_refused() -> None:
    with pytest.raises(ValueError, match="held-out rows"):
        calibrate.fit_least_probability(np.full((5, 2), 0.5), np.zeros(5, dtype=int), 0.95)


def test_the_scope_threshold_keeps_the_share_asked_for() -> None:
    random = np.random.default_rng(3)
    inside, outside = random.normal(-8, 1, 1000), random.normal(-3, 1, 1000)
    fitted = calibrate.fit_scope_score(inside, outside, 0.0, 0.98)
    none = np.zeros(1000)
    assert np.mean(fitted.score(inside, none) < fitted.threshold) == pytest.approx(0.98, abs=0.005)
    assert metrics.auroc(fitted.score(np.concatenate([inside, outside]), np.zeros(2000)), np.repeat([0, 1], 1000)) > 0.99


def test_a_distance_counts_as_much_as_its_weight_says() -> None:
    score = calibrate.ScopeScore(location=0.0, scale=1.0, threshold=0.5, distance_weight=10.0)
    assert score.score(np.array([-5.0]), np.array([0.5]))[0] == pytest.approx(0.5)


def test_the_confidence_falls_where_mistakes_disagree() -> None:
    random = np.random.default_rng(5)
    right = random.random(4000) < 0.8
    disagreement = np.where(right, random.gamma(1, 0.05, 4000), random.gamma(3, 0.1, 4000))
    fitted = calibrate.fit_confidence(np.full(4000, 0.8), np.zeros(4000), disagreement, right)
    scores = fitted.score(np.full(4000, 0.8), np.zeros(4000), disagreement)
    assert metrics.auroc(-scores, ~right) > 0.85
    assert scores.mean() == pytest.approx(0.8, abs=0.02)


def test_auroc_counts_pairs_and_ties_half() -> None:
    assert metrics.auroc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0, 0, 1, 1])) == pytest.approx(3.5 / 4)


def test_mutual_information_is_nothing_when_the_samples_agree() -> None:
    logits = np.tile(np.array([[2.0, 1.0, 0.0]]), (1, 30, 1)).reshape(1, 30, 3)
    predictive, expected, mutual = metrics.monte_carlo_entropies(logits, 1.0)
    assert mutual[0] == pytest.approx(0, abs=1e-9)
    assert predictive[0] == pytest.approx(expected[0])
