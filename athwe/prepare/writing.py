"""The files of a data set folder, as `dataset/README.md` has them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch

from athwe.config import DataConfig
from athwe.data.items import IMAGE_FOLDER
from athwe.data.modalities import ATTRIBUTE_FILE
from athwe.prepare.file_names import image_name
from athwe.prepare.log import Log
from athwe.prepare.records import Item

ROWS_AT_ONCE = 1 << 18


def write_interactions(path: Path, log: Log, config: DataConfig) -> None:
    """Write a `.inter`, a part at a time."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{config.USER_ID_FIELD}:token\t{config.ITEM_ID_FIELD}:token\t{config.TIME_FIELD}:float\n")
        for start in range(0, len(log), ROWS_AT_ONCE):
            columns = (column[start : start + ROWS_AT_ONCE].tolist() for column in (log.user, log.item, log.timestamp))
            file.writelines(
                f"{log.users[user]}\t{log.items[item]}\t{seconds}\n"
                for user, item, seconds in zip(*columns, strict=True)
            )


def write_item_list(path: Path, tokens: Sequence[str]) -> None:
    """Write `items.tsv`: the numbering from 1 of what lies beside it."""
    _write_lines(path, "internal_id\titem_id", (f"{number}\t{token}" for number, token in enumerate(tokens, 1)))


def write_items(
    path: Path, tokens: Sequence[str], found: Mapping[str, Item], images: set[str], item_field: str
) -> None:
    """Write a `.item` with a row for each item that the source describes; its image is named only where there is one.

    A category is one word of RecBole's space-separated sequence, so spaces within it become `_`.
    """
    header = f"{item_field}:token\ttitle:token\tcategories:token_seq\timage:token\tdescription:token"
    rows = []
    for token in tokens:
        if token in found or token in images:
            item = found.get(token) or Item(token)
            image = f"{IMAGE_FOLDER}/{image_name(token)}" if token in images else ""
            categories = " ".join(name.replace(" ", "_") for name in item.categories)
            rows.append("\t".join((token, item.title, categories, image, item.description)))
    _write_lines(path, header, rows)


def choose_categories(items: Iterable[Item], least_items: int, most_categories: int) -> list[str]:
    """Categories that are on at least `least_items` items, the most frequent ones first; of equal ones by name."""
    counts = Counter(name for item in items for name in item.categories)
    often = sorted((-count, name) for name, count in counts.items() if count >= least_items)
    return [name for _, name in often[:most_categories]]


def write_categories(folder: Path, tokens: Sequence[str], found: Mapping[str, Item], names: Sequence[str]) -> None:
    """Write `cat.pt`: (n_items + 1, A) uint8, row 0 and items without categories zero; and the names of its columns."""
    column = {name: number for number, name in enumerate(names)}
    hot = torch.zeros(len(tokens) + 1, len(names), dtype=torch.uint8)
    for row, token in enumerate(tokens, start=1):
        if token in found:
            hot[row, [column[name] for name in found[token].categories if name in column]] = 1
    torch.save(hot, folder / ATTRIBUTE_FILE)
    _write_lines(folder / "categories.tsv", "column\tcategory", (f"{at}\t{name}" for at, name in enumerate(names)))


def _write_lines(path: Path, header: str, rows: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{header}\n")
        file.writelines(f"{row}\n" for row in rows)
