import numpy as np
import onnxruntime
import torch

from replymesh_training import graphs, masks
from replymesh_training import monte_carlo_reference as reference
from replymesh_training.config import MonteCarloConfig
from replymesh_training.finetune import Ragged
from replymesh_training.minilm import EncoderConfig
from replymesh_training.spaces import TunedTop

WIDTH, LABELS, SAMPLES, BELOW = 32, 5, 7, 51


def tuned() -> TunedTop:
    torch.manual_seed(1)
    return TunedTop(EncoderConfig(100, 64, WIDTH, 4, 64, 3, lower_layers=1), LABELS).eval()


def states() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    attention = torch.tensor([[1] * 9, [1] * 4 + [0] * 5])
    return torch.randn(2, 9, WIDTH), attention


def test_one_batch_gives_what_as_many_passes_give() -> None:
    top, (hidden, attention) = tuned(), states()
    drawn = masks.training_masks(["a", "b"], SAMPLES, WIDTH, BELOW)
    session = onnxruntime.InferenceSession(graphs.top_graph("s", top, BELOW).SerializeToString())
    feeds = {"hidden": hidden.numpy(), "attention_mask": attention.numpy(), "s.dropout_mask": drawn}
    (served,) = session.run(["s.mc.logits"], feeds)
    with torch.inference_mode():
        passes = reference.head_passes(top, hidden, attention, torch.from_numpy(drawn), BELOW).numpy()
    assert served.shape == (2, SAMPLES, LABELS)
    assert np.abs(served - passes).max() < 1e-5
    assert np.abs(served[:, 0] - served[:, 1]).max() > 1e-3


def test_full_passes_drop_inside_the_layers_and_leave_no_trace() -> None:
    top, (hidden, attention) = tuned(), states()
    with torch.inference_mode():
        plain = top.head(top.pooled(hidden, attention))
        still = reference.full_passes(top, hidden, attention, 2, 0.0, 0.0)
        inside = reference.full_passes(top, hidden, attention, 2, 0.0)
        again = top.head(top.pooled(hidden, attention))
    assert torch.allclose(still, plain[:, None].expand_as(still), atol=1e-6)
    assert (inside[:, 0] - inside[:, 1]).abs().max() > 1e-3
    assert torch.equal(plain, again)


def test_both_versions_are_measured_on_the_same_rows() -> None:
    rng = np.random.default_rng(3)
    hidden = Ragged(rng.standard_normal((120, WIDTH)).astype(np.float16), np.arange(0, 121, 3))
    labels, drawn = rng.integers(0, LABELS, 40), masks.training_masks([str(i) for i in range(40)], 3, WIDTH, BELOW)
    found = reference.compared(tuned(), hidden, labels, drawn, MonteCarloConfig(samples=3))
    assert set(found) == {"none", "served", "full"}
    for figures in found.values():
        assert figures["rows_per_core_second"] > 0
        assert 0 <= figures["auroc_mutual_information"] <= 1
