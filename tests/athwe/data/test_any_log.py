"""Whatever the log: its ids are numbered, its rows filtered and ordered."""

import pytest
from data_files import write_interactions
from hostile import often
from hypothesis import given
from hypothesis import strategies as st

from athwe.config import DataConfig
from athwe.data.interactions import prepare_interactions
from athwe.errors import DataError

tokens = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n\r\0"), min_size=1, max_size=6)
logs = st.lists(st.tuples(tokens, tokens, st.integers(0, 10**11)), min_size=1, max_size=40)


@often
@given(rows=logs, low=st.integers(1, 3))
def test_any_log_of_any_ids_is_numbered_filtered_and_ordered(folder, rows, low):
    """Against a plain loop over the rows."""
    path = write_interactions(folder, rows)
    interval = f"[{low},inf)"
    config = DataConfig(user_inter_num_interval=interval, item_inter_num_interval=interval)
    kept = rows
    while True:
        users, items = [row[0] for row in kept], [row[1] for row in kept]
        fewer = [row for row in kept if users.count(row[0]) >= low and items.count(row[1]) >= low]
        if len(fewer) == len(kept):
            break
        kept = fewer
    if not kept:
        with pytest.raises(DataError, match="nothing is left"):
            prepare_interactions(path, config)
        return
    found = prepare_interactions(path, config)
    assert found.user_tokens.tolist() == ["[PAD]", *dict.fromkeys(row[0] for row in kept)]
    assert found.item_tokens.tolist() == ["[PAD]", *dict.fromkeys(row[1] for row in kept)]
    for user, token in enumerate(found.user_tokens.tolist()[1:], start=1):
        mine = sorted((row for row in kept if row[0] == token), key=lambda row: row[2])
        place = slice(*found.user_offset[user : user + 2])
        assert found.item_tokens[found.item[place]].tolist() == [row[1] for row in mine]
        assert found.timestamp[place].tolist() == [row[2] for row in mine]
