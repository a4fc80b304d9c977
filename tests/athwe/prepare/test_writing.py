"""What is written is read back as it was."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from athwe.config import DataConfig
from athwe.data.interactions import prepare_interactions
from athwe.data.items import read_items
from athwe.data.modalities import read_attributes
from athwe.prepare import writing
from athwe.prepare.log import collect
from athwe.prepare.records import BrokenLine, Item, Review, make_item, review

EVERYTHING = DataConfig(user_inter_num_interval="[1,inf)", item_inter_num_interval="[1,inf)")


def is_id(text: str) -> bool:
    try:
        review(text, text, 1)
    except BrokenLine:
        return False
    return True


ids = (st.text(max_size=6) | st.sampled_from(['"', "'a\"", "a b", "\u00a0", "#", "\ufeff", "NA", "1.0", "-"])).filter(
    is_id
)


@settings(deadline=None)
@given(st.lists(st.builds(Review, ids, ids, st.integers(0, 10**11)), min_size=1, max_size=20))
def test_any_ids_are_read_back_in_their_order(reviews):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.inter"
        writing.write_interactions(path, collect(reviews), EVERYTHING)
        kept = prepare_interactions(path, EVERYTHING)
    assert kept.item_tokens[1:].tolist() == list(dict.fromkeys(one.item for one in reviews))
    assert kept.user_tokens[1:].tolist() == list(dict.fromkeys(one.user for one in reviews))
    first = [one for one in reviews if one.user == reviews[0].user]
    assert kept.timestamp[: kept.user_offset[2]].tolist() == sorted(one.timestamp for one in first)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(ids, st.text(max_size=20), st.lists(st.text(max_size=9), max_size=3)),
        max_size=9,
        unique_by=lambda row: row[0],
    )
)
def test_any_texts_are_read_back_as_they_were_cleaned(rows):
    items = {token: make_item(token, title, categories, "") for token, title, categories in rows}
    tokens = [*items, "unknown"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writing.write_items(folder / "x.item", tokens, items, set(), "item_id")
        found = read_items(folder, "x", "item_id", np.array(["[PAD]", *tokens]))
    assert found["title"].tolist() == [*(items[token].title or token for token in items), "unknown"]


def test_rows_of_categories_follow_the_numbers_of_items(tmp_path):
    items = {"b": Item("b", categories=("x", "y")), "a": Item("a", categories=("y",)), "c": Item("c")}
    names = writing.choose_categories(items.values(), least_items=1, most_categories=9)
    writing.write_categories(tmp_path, ["a", "unknown", "b", "c"], items, names)
    assert names == ["y", "x"]
    hot = read_attributes(tmp_path, np.array(["[PAD]", "a", "unknown", "b", "c"]))
    assert hot is not None and hot.tolist() == [[0, 0], [1, 0], [0, 0], [1, 1], [0, 0]]
