import pytest

from athwe.errors import DataError


def shown(dataset):
    return dataset.items.set_index("item_id").T.to_dict("list")


def test_without_a_file_the_token_is_the_title(load):
    assert shown(load())["w"] == ["w", "", ""]


def test_rows_follow_the_numbering_whatever_the_order_of_the_file(folder, load):
    (folder / "tiny.item").write_text(
        "title:token\titem_id:token\tcategories:token_seq\n"
        'The "W\tw\tHome Garden\nUnknown\tq\t\nZed\tz\t\nTwice\tz\t\n\tx\tHome\n',
        encoding="utf-8",
    )
    dataset = load()
    assert dataset.items["item_id"].tolist() == dataset.item_tokens[1:].tolist()
    assert shown(dataset) == {
        "x": ["x", "Home", ""],
        "y": ["y", "", ""],
        "z": ["Zed", "", ""],
        "w": ['The "W', "Home Garden", ""],
    }


def test_a_category_that_is_named_twice_counts_once(folder, load):
    (folder / "tiny.item").write_text("item_id:token\tcategories:token_seq\nx\tHome Garden Home\n", encoding="utf-8")
    dataset = load()
    assert dataset.item_categories()[dataset.item_tokens[1:].tolist().index("x")] == ["Home", "Garden"]


def test_an_image_is_named_only_when_it_is_there_and_inside(folder, load):
    (folder / "images").mkdir()
    for name in ("x.jpg", "other.png"):
        (folder / "images" / name).write_bytes(b"")
    (folder / "secret.jpg").write_bytes(b"")
    (folder / "tiny.item").write_text(
        "item_id:token\timage:token\nx\t\ny\timages/other.png\nz\timages/gone.jpg\nw\timages/../secret.jpg\n"
    )
    assert [image for _, _, image in shown(load()).values()] == ["images/x.jpg", "images/other.png", "", ""]


def test_a_file_without_the_item_column_is_refused(folder, load):
    (folder / "tiny.item").write_text("name:token\nx\n")
    with pytest.raises(DataError, match="no column 'item_id'"):
        load()
