import pytest
import torch
from data_files import write_features
from safetensors.torch import save_file

from athwe.errors import DataError


def write_keyed(folder, tokens, **tensors):
    save_file(tensors, folder / "features.safetensors", {"item_tokens": "\n".join(tokens)})


def test_rows_go_by_token_in_any_order(folder, load):
    write_keyed(folder, ["w", "z", "elsewhere", "x"], txt=torch.tensor([[4.0], [3.0], [9.0], [1.0]]))
    assert load().features["txt"].tolist() == [[0], [1], [0], [3], [4]]  # y is not in it


def test_it_goes_before_the_tensor_of_the_same_modality_only(folder, load):
    write_features(folder, "txt_emb")
    expected = write_features(folder, "img_emb")
    write_keyed(folder, ["x"], txt=torch.ones(1, 2))
    dataset = load()
    assert dataset.features["txt"].shape == (5, 2)
    assert dataset.features["img"].tolist() == expected.tolist()


def test_categories_may_be_keyed_too(folder, load):
    write_keyed(folder, ["x", "y"], cat=torch.tensor([[1, 0], [0, 1]], dtype=torch.uint8))
    assert load().attributes.tolist() == [[0, 0], [1, 0], [0, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize("tokens", [["x"], ["x", "x"], []])
def test_tokens_that_do_not_name_each_row_are_refused(folder, load, tokens):
    write_keyed(folder, tokens, txt=torch.ones(2, 2))
    with pytest.raises(DataError, match="one row for each of the"):
        load()


def test_a_value_that_is_not_finite_is_refused_with_its_item(folder, load):
    write_keyed(folder, ["x", "y"], txt=torch.tensor([[1.0], [float("nan")]]))
    with pytest.raises(DataError, match="first for item 'y'"):
        load()


def test_a_damaged_file_is_refused(folder, load):
    (folder / "features.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="is not a safetensors file"):
        load()
