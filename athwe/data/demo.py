"""Write the embedded data set `demo` into a folder: made-up behaviour, items and pictures, always the same."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from athwe.config import DataConfig
from athwe.data.demo_items import category_names, draw_categories, draw_titles, write_thumbnails
from athwe.data.interactions import prepare_interactions
from athwe.data.synthetic import Behaviour, Log, draw_features, draw_latents, draw_log

DEMO = "demo"
SEED = 20_250
TXT_WIDTH, IMG_WIDTH = 64, 48


def write_demo(folder: Path) -> None:
    """Make the data set and put it at `folder` in one step, so that nobody ever reads half of it.

    Two processes may do so at once: both make the same, and the first one's stays.

    Raises:
        OSError: the folder cannot be written, or something else is there already.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{DEMO}-", dir=folder.parent))
    try:
        _write_files(temporary)
        temporary.chmod(0o755)  # mkdtemp's folders are closed to other users
        os.rename(temporary, folder)
    except OSError:
        if not (folder / f"{DEMO}.inter").is_file():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_files(folder: Path) -> None:
    generator = np.random.default_rng(SEED)
    behaviour = Behaviour()
    latents = draw_latents(behaviour, generator)
    log = draw_log(behaviour, latents, generator)
    text = draw_features(latents.theme, TXT_WIDTH, behaviour.feature_noise, generator)
    image = draw_features(latents.style, IMG_WIDTH, behaviour.feature_noise, generator)
    categories = draw_categories(latents.theme, generator)
    titles = draw_titles(latents.theme, generator)
    tokens = [f"P{number:04d}" for number in range(1, behaviour.n_items + 1)]

    _write_interactions(folder / f"{DEMO}.inter", log, tokens)
    numbered = prepare_interactions(folder / f"{DEMO}.inter", DataConfig()).item_tokens[1:].tolist()
    index_of = {token: index for index, token in enumerate(tokens)}
    order = np.array([index_of[token] for token in numbered])
    _write_lines(folder / "items.tsv", "internal_id\titem_id", list(enumerate(numbered, start=1)))
    for name, rows in (("txt_emb", text), ("img_emb", image), ("cat", categories)):
        _write_tensor(folder / f"{name}.pt", rows[order])
    names = np.array(category_names())
    shown = [
        (token, title, " ".join(names[row > 0]), f"images/{token}.jpg")
        for token, title, row in zip(tokens, titles, categories, strict=True)
    ]
    _write_lines(folder / f"{DEMO}.item", "item_id:token\ttitle:token\tcategories:token_seq\timage:token", shown)
    write_thumbnails(folder / "images", tokens, latents.theme, latents.style)


def _write_interactions(path: Path, log: Log, tokens: list[str]) -> None:
    by_time = np.argsort(log.timestamp, kind="stable")
    rows = [
        (f"U{user + 1:04d}", tokens[item], timestamp)
        for user, item, timestamp in zip(
            log.user[by_time].tolist(), log.item[by_time].tolist(), log.timestamp[by_time].tolist(), strict=True
        )
    ]
    _write_lines(path, "user_id:token\titem_id:token\ttimestamp:float", rows)


def _write_lines(path: Path, header: str, rows: list[tuple]) -> None:
    lines = (header, *("\t".join(map(str, row)) for row in rows))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_tensor(path: Path, rows: Float32[np.ndarray, "n D"]) -> None:
    with_padding = np.vstack([np.zeros_like(rows[:1]), rows])
    torch.save(torch.from_numpy(with_padding), path)
