"""Every batch is finite: half precision that overflows runs again in full, and what stays NaN is refused."""

import numpy as np
import pytest
import torch
from tiny_encoders import WIDTH

from athwe.errors import EncoderError
from athwe.prepare.features import encoder
from athwe.prepare.features.encoder import run_batch
from athwe.prepare.features.text_encoders import choose_text_encoder

CPU = torch.device("cpu")


def test_a_batch_past_half_precision_runs_again_in_full(monkeypatch):
    monkeypatch.setattr(encoder, "PRECISION", {"cpu": "fp16"})
    types = []

    def forward() -> torch.Tensor:
        rows = torch.full((2, 4), 300.0) @ torch.full((4, 3), 300.0)  # 360,000, past 65,504
        types.append(rows.dtype)
        return rows

    np.testing.assert_array_equal(run_batch(forward, CPU), np.full((2, 3), 360_000, np.float32))
    assert types == [torch.float16, torch.float32]


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(EncoderError, match="NaN or infinite features"):
        run_batch(lambda: torch.tensor([[1.0, float("nan")]]), CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_nearly_the_same_rows_and_they_are_kept_apart(bert):
    texts = ["green tea", "black coffee . cup", "item " * 600]
    slow, fast = (choose_text_encoder(str(bert), "cls", torch.device(name)) for name in ("cpu", "cuda"))
    assert (slow.about["precision"], fast.about["precision"]) == ("fp32", "fp16") and slow.identity != fast.identity
    rows = fast.load().encode(texts)
    assert rows.shape == (3, WIDTH) and rows.dtype == np.float32
    np.testing.assert_allclose(rows, slow.load().encode(texts), atol=0.02)
