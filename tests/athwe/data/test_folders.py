import pytest
from data_files import write_interactions

from athwe.config import DataConfig
from athwe.data import load_dataset
from athwe.data.folders import find_dataset
from athwe.errors import DataError


def make(root, name):
    (root / name).mkdir(parents=True)
    write_interactions(root / name)
    return root / name


def test_roots_are_looked_through_in_order(tmp_path, monkeypatch):
    given, environment, last = (tmp_path / name for name in ("given", "environment", "last"))
    monkeypatch.setenv("ATHWE_DATASET_ROOT", str(environment))
    expected = make(last, "tiny")
    assert find_dataset("tiny", given, str(last)) == expected
    expected = make(environment, "tiny")
    assert find_dataset("tiny", given, str(last)) == expected
    expected = make(given, "tiny")
    assert find_dataset("tiny", given, str(last)) == expected


def test_an_unknown_data_set_names_what_each_root_has_and_how_to_add_one(tmp_path):
    make(tmp_path / "given", "movies")
    make(tmp_path / "given", "books")
    (tmp_path / "given" / "unfinished").mkdir()
    with pytest.raises(DataError) as caught:
        find_dataset("music", tmp_path / "given", str(tmp_path / "last"))
    message = str(caught.value)
    assert f"{tmp_path / 'given'} has books, movies" in message
    assert f"{tmp_path / 'last'} has none" in message
    assert "put music.inter into" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["", "..", "../tiny", "a/b", "tiny\n", ".hidden"])
def test_a_name_that_leaves_the_root_is_refused(folder, name):
    with pytest.raises(DataError, match="no folder name"):
        find_dataset(name, folder.parent, "dataset")


def test_a_data_set_without_a_config_file_is_read_with_the_shared_settings(tmp_path):
    rows = [(user, item, time) for user in "abcde" for time, item in enumerate("vwxyz")]
    (tmp_path / "nobody_knows_it").mkdir()
    write_interactions(tmp_path / "nobody_knows_it", rows)
    dataset = load_dataset("nobody_knows_it", tmp_path)
    assert (dataset.max_length, dataset.n_users, dataset.n_items) == (50, 6, 6)


def test_a_demo_that_cannot_be_written_goes_to_the_next_root(tmp_path):
    (tmp_path / "file").write_text("")
    found = find_dataset("demo", tmp_path / "file" / "closed", str(tmp_path / "open"))
    assert found == tmp_path / "open" / "demo"


def test_without_any_root_to_write_to_the_demo_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the demo"):
        load_dataset("demo", tmp_path / "file" / "a", DataConfig(data_path=str(tmp_path / "file" / "b")))


def test_a_given_root_without_the_data_set_is_said_where_another_root_has_it(tmp_path, caplog):
    there = make(tmp_path / "last", "tiny")
    assert find_dataset("tiny", tmp_path / "mistyped", str(tmp_path / "last")) == there
    assert caplog.messages == [f"{tmp_path / 'mistyped'} has no data set tiny: taking the one in {tmp_path / 'last'}"]
    caplog.clear()
    assert find_dataset("tiny", tmp_path / "last", str(tmp_path / "other")) == there
    assert find_dataset("tiny", None, str(tmp_path / "last")) == there
    assert caplog.messages == []


def test_a_link_that_leads_nowhere_is_no_data_set(tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.inter").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=f"{tmp_path} has none"):
        find_dataset("tiny", tmp_path, "")
