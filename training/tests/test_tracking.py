from pathlib import Path
from xml.etree import ElementTree

import mlflow
import numpy as np
import pytest

from replymesh_training import tracking
from replymesh_training.config import RunConfig
from replymesh_training.data import sha256_of

CONTENT = {"name": "quick", "createTime": "2026-01-01T00:00:00Z", "spaces": [{"name": "support", "metrics": {"test.accuracy": 0.75}}]}


def followed() -> tracking.Followed:
    found = tracking.Followed(lambda line: None)
    for line in ("support: epoch 1 of 2: loss 0.9", "support: epoch 2 of 2: loss 0.5", "trunk: 3 s", "support: byte encoder, epoch 1 of 1: loss 1.5"):
        found.line(line)
    found.space("support", ["a", "b"], np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]), np.array([0, 1, 1, 1]))
    return found


def test_losses_are_read_from_reports() -> None:
    assert followed().losses == [("loss.support", 1, 0.9), ("loss.support", 2, 0.5), ("loss.support_byte_encoder", 1, 1.5)]


def test_plots_show_every_pair_and_bin_that_occurs() -> None:
    plots = followed().plots
    titles = [t.text for t in ElementTree.fromstring(plots["plots/support.confusion.svg"]).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["a → a: 1", "b → a: 1", "b → b: 2"]
    assert len(list(ElementTree.fromstring(plots["plots/support.reliability.svg"]).iter("{http://www.w3.org/2000/svg}title"))) == 4


def test_parameters_are_flat() -> None:
    found = tracking.flattened(RunConfig())
    assert found["byte.layers"] == "2" and found["spaces.1.name"] == "banking" and found["spaces.1.source.folder"] == "banking77"


def test_a_run_is_logged_and_its_bundle_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    store = tmp_path / "runs"
    versions = [tracking.log_training(RunConfig(), CONTENT, tmp_path / "bundle", followed(), alias, store) for alias in ("challenger", "champion")]
    client = mlflow.MlflowClient(store.as_uri(), store.as_uri())
    first, second = (client.get_model_version_by_alias(tracking.MODEL, alias) for alias in tracking.ALIASES)
    assert [str(first.version), str(second.version)] == versions
    run = client.get_run(first.run_id)
    assert run.data.params["byte.layers"] == "2" and run.info.status == "FINISHED"
    assert run.data.metrics["support.test.accuracy"] == 0.75
    assert [m.value for m in client.get_metric_history(first.run_id, "loss.support")] == [0.9, 0.5]
    assert {f.path for f in client.list_artifacts(first.run_id, "plots")} == set(followed().plots)
    assert [f.path for f in client.list_artifacts(first.run_id, "bundle")] == ["bundle/manifest.json"]
    assert first.tags == {tracking.BUNDLE_TAG: sha256_of(tmp_path / "bundle" / "manifest.json")}


def test_a_store_that_refuses_is_told_of_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://host")
    with pytest.raises(tracking.TrackingError, match=r"is finished, but MLflow refused its run: .*mend MLFLOW_TRACKING_URI"):
        tracking.log_training(RunConfig(), CONTENT, tmp_path, followed())


def test_an_unknown_alias_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="challenger, champion"):
        tracking.log_training(RunConfig(), CONTENT, tmp_path, followed(), "best", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
