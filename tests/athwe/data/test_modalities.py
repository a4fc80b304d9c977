import pickle

import numpy as np
import pytest
import torch
from data_files import TOKENS, write_features

from athwe.errors import DataError


def error_of(load, **changes) -> str:
    with pytest.raises(DataError) as caught:
        load(**changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_interactions_alone_make_a_data_set_of_item_ids(load):
    dataset = load()
    assert dataset.modalities == ("item",)
    assert (dataset.features, dataset.attributes) == ({}, None)


def test_unset_modalities_are_the_files_that_are_there(folder, load):
    expected = write_features(folder, "img_emb", width=7)
    dataset = load()
    assert dataset.modalities == ("item", "img")
    np.testing.assert_array_equal(dataset.features["img"], expected.numpy())


def test_a_modality_left_out_is_not_read(folder, load):
    (folder / "img_emb.pt").write_bytes(b"damaged")
    write_features(folder)
    assert list(load(modalities=("item", "txt")).features) == ["txt"]


def test_a_listed_modality_without_a_file_is_named(folder, load):
    write_features(folder)
    message = error_of(load, modalities=("item", "txt", "img"))
    assert "'img'" in message
    assert "img_emb.pt" in message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_point_type_is_read_as_float32(folder, load, dtype):
    torch.save(write_features(folder).to(dtype), folder / "txt_emb.pt")
    assert load().features["txt"].dtype == np.float32


def test_categories_of_whole_numbers_are_read(folder, load):
    torch.save((write_features(folder, "cat") % 2).to(torch.uint8), folder / "cat.pt")
    assert load().attributes.tolist()[1] == [0, 1, 0]


def with_value(row: int, value: float):
    def change(tensor):
        tensor[row, 1] = value
        return tensor

    return change


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda tensor: tensor[:-1], "has 4 rows, expected 5"),
        (lambda tensor: torch.cat([tensor, tensor[1:]]), "has 9 rows, expected 5"),
        (with_value(2, float("nan")), "NaN or infinite values in 1 rows, the first is row 2"),
        (with_value(3, float("inf")), "first is row 3"),
        (with_value(0, 0.5), "row 0"),
        (lambda tensor: tensor[:, 0], "(n_items + 1, width), found shape (5,)"),
        (lambda tensor: tensor[:, :0], "found shape (5, 0)"),
        (lambda tensor: tensor.long(), "floating-point tensor, found torch.int64"),
        (lambda tensor: {"txt": tensor}, "must hold one dense tensor, found dict"),
        (lambda tensor: tensor.to_sparse(), "dense"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(folder, load, change, part):
    torch.save(change(write_features(folder)), folder / "txt_emb.pt")
    message = error_of(load)
    assert part in message
    assert "txt_emb.pt" in message


class Payload:
    """Unpickling it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (__import__("os").mkdir, (self.path,))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickle_inside_is_refused_and_never_run(folder, load, tmp_path, save):
    save(Payload(str(tmp_path / "ran")), folder / "txt_emb.pt")
    assert "nothing in it was run" in error_of(load)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"no tensor at all", b"PK\x03\x04half"])
def test_a_damaged_file_is_refused(folder, load, content):
    (folder / "txt_emb.pt").write_bytes(content)
    assert "not a plain tensor file" in error_of(load)


def test_categories_other_than_0_and_1_are_refused(folder, load):
    write_features(folder, "cat")
    assert "0 or 1" in error_of(load)


def test_a_list_of_items_in_our_order_is_accepted(folder, load):
    write_features(folder)
    lines = [f"{number}\t{token}" for number, token in enumerate(TOKENS)]
    (folder / "items.tsv").write_text("\n".join(["internal_id\titem_id", *lines[1:], ""]))
    assert load().modalities == ("item", "txt")


def test_a_list_of_items_in_another_order_is_refused(folder, load):
    write_features(folder)
    (folder / "items.tsv").write_text("internal_id\titem_id\n1\tx\n2\tz\n3\ty\n4\tw\n")
    message = error_of(load)
    assert "item 2 as 'z'" in message
    assert "'y'" in message
