"""Thumbnails of images that may be anything, from a folder or from the catalogue's URLs."""

import gzip
import io
import struct
import zlib

import pytest
from PIL import ExifTags, Image
from range_server import serving
from raw_files import TOKENS

from athwe.errors import DataError
from athwe.prepare.download import images as images_module
from athwe.prepare.download.images import fetch_images
from athwe.prepare.file_names import image_name
from athwe.prepare.records import Item
from athwe.prepare.thumbnails import find_images, shrink


def picture(format: str = "JPEG", size=(400, 200), mode: str = "RGB", colour="red") -> bytes:
    content = io.BytesIO()
    Image.new(mode, size, colour).save(content, format)
    return content.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A header that promises pixels, and none behind it."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


@pytest.mark.parametrize(
    ("format", "mode"),
    [one.split() for one in "JPEG RGB|JPEG CMYK|PNG RGBA|PNG P|PNG 1|WEBP RGB|GIF P|BMP RGB".split("|")],
)
def test_an_image_is_shrunk_in_proportion(tmp_path, format, mode):
    (tmp_path / "image").write_bytes(picture(format, mode=mode, colour=0 if mode == "CMYK" else None))
    assert shrink(tmp_path / "image", tmp_path / "small.jpg", 160) is None
    with Image.open(tmp_path / "small.jpg") as small:
        assert small.format == "JPEG" and small.size == (160, 80)


def test_a_small_image_is_not_blown_up_and_transparency_is_white(tmp_path):
    (tmp_path / "image").write_bytes(picture("PNG", (20, 30), "RGBA", (0, 0, 0, 0)))
    assert shrink(tmp_path / "image", tmp_path / "small.jpg", 160) is None
    with Image.open(tmp_path / "small.jpg") as small:
        assert small.size == (20, 30) and small.getpixel((5, 5)) == (255, 255, 255)


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    photo = Image.new("RGB", (200, 100), "red")
    photo.paste("blue", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned clockwise: left comes to the top
    photo.save(tmp_path / "photo.png", exif=exif)
    assert shrink(tmp_path / "photo.png", tmp_path / "small.jpg", 100) is None
    with Image.open(tmp_path / "small.jpg") as small:
        assert small.size == (50, 100) and not small.getexif()
        top, bottom = small.getpixel((25, 10)), small.getpixel((25, 90))
    assert top[2] > 200 > 50 > top[0] and bottom[0] > 200 > 50 > bottom[2]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "UnidentifiedImageError"),
        (b"<html>not found</html>", "UnidentifiedImageError"),
        (picture()[:300], "OSError"),
        (picture("PNG")[:60], ""),
        (huge_png(30_000, 30_000), "limit"),
        (huge_png(9_000, 9_000), "above the limit of 50,000,000"),
        (picture("TIFF"), "UnidentifiedImageError"),
    ],
)
def test_a_broken_image_is_told_and_leaves_nothing(tmp_path, content, expected):
    (tmp_path / "image").write_bytes(content)
    problem = shrink(tmp_path / "image", tmp_path / "small.jpg", 160)
    assert problem and expected in problem and "\n" not in problem
    assert [one.name for one in tmp_path.iterdir()] == ["image"]


def test_images_are_found_by_item_id_whatever_their_kind(tmp_path):
    for name in ("a.JPG", "b.png", "%2E%2E%2Fc.webp", "d.txt", "other.jpg"):
        (tmp_path / name).touch()
    found = find_images(tmp_path, ["a", "b", "../c", "d", "missing"])
    assert {token: path.name for token, path in found.items()} == {
        "a": "a.JPG",
        "b": "b.png",
        "../c": "%2E%2E%2Fc.webp",
    }


@pytest.mark.parametrize(
    "token", ["../../x", "/etc/passwd", "..", ".", ".hidden", "a/b", "con:1", "日本" * 100, "a\\b", " "]
)
def test_no_item_id_leads_out_of_the_image_folder(tmp_path, token):
    name = image_name(token)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve() and len(name.encode()) < 255


def test_the_command_makes_thumbnails_and_counts_what_is_broken(run, flags, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "10.jpg").write_bytes(picture())
    (folder / "20.png").write_bytes(picture("PNG"))
    (folder / "30.jpg").write_bytes(b"no picture")
    (folder / "90.jpg").write_bytes(picture())
    result = run(*flags, "--images", str(folder), "--image-pixels", "50")
    assert result.code == 0, result.err
    assert sorted(path.name for path in (result.folder / "images").iterdir()) == ["10.jpg", "20.jpg"]
    with Image.open(result.folder / "images" / "10.jpg") as small:
        assert small.size == (50, 25)
    rows = [line.split("\t") for line in (result.folder / "made.item").read_text().splitlines()]
    images = {row[0]: row[rows[0].index("image:token")] for row in rows[1:]}
    assert images == {"10": "images/10.jpg", "20": "images/20.jpg", "30": ""}
    assert "broken images" in result.out


@pytest.fixture
def site():
    with serving() as one:
        yield one


def fetch(site, folder, *paths: str, **options):
    items = {path: Item(path, image=path if ":" in path else site.url + path) for path in paths}
    return fetch_images(items, folder, pause_seconds=0.001, **options)


def test_pictures_are_fetched_once_and_failures_are_counted(site, tmp_path):
    site.files = {"/a.jpg": picture(), "/b.jpg": picture("PNG")}
    done = []
    fetched = fetch(site, tmp_path, "/a.jpg", "/b.jpg", "/missing.jpg", told=done.append)
    assert {token: path.read_bytes() for token, path in fetched.paths.items()} == site.files
    assert list(fetched.failed) == ["/missing.jpg"] and "404" in fetched.failed["/missing.jpg"] and sum(done) == 3
    asked = len(site.requests)
    again = fetch(site, tmp_path, "/a.jpg", "/b.jpg", "/missing.jpg")
    assert len(site.requests) == asked and again.paths == fetched.paths and list(again.failed) == ["/missing.jpg"]


def test_a_picture_is_tried_again_after_a_cut_and_after_a_busy_server(site, tmp_path):
    site.files = {"/a.jpg": picture()}
    site.statuses, site.cut_after = [503], [100]
    assert fetch(site, tmp_path, "/a.jpg").paths["/a.jpg"].read_bytes() == picture()


def test_a_picture_beyond_its_limit_and_other_schemes_are_refused(site, tmp_path, monkeypatch):
    monkeypatch.setattr(images_module, "MAX_BYTES", 1000)
    site.files = {"/large.jpg": b"x" * 1001, "/fits.jpg": b"x" * 1000}
    site.redirects = {"/moved.jpg": "file:///etc/passwd"}
    fetched = fetch(site, tmp_path, "/large.jpg", "/fits.jpg", "/moved.jpg", "file:///etc/passwd", "ftp://127.0.0.1/x")
    assert list(fetched.paths) == ["/fits.jpg"]
    assert "larger than 1,000 bytes" in fetched.failed["/large.jpg"]
    assert "not allowed" in fetched.failed["/moved.jpg"]
    assert all("no http" in fetched.failed[url] for url in ("file:///etc/passwd", "ftp://127.0.0.1/x"))


def test_a_picture_that_takes_for_ever_is_left(site, tmp_path, monkeypatch):
    monkeypatch.setattr(images_module, "LONGEST_SECONDS", -1.0)
    site.files = {"/a.jpg": picture()}
    assert "was not there after" in fetch(site, tmp_path, "/a.jpg").failed["/a.jpg"]


def test_without_a_network_it_gives_up_soon(site, tmp_path, monkeypatch):
    monkeypatch.setattr(images_module, "GIVE_UP_AFTER", 5)
    urls = [f"http://127.0.0.1:9/{number}.jpg" for number in range(1000)]
    with pytest.raises(DataError, match="5 pictures in a row"):
        fetch(site, tmp_path, *urls)


def test_the_command_fetches_the_catalogues_pictures(run, flags, tmp_path, site, monkeypatch):
    site.files = {f"/{token}.jpg": picture() for token in TOKENS[:2]}
    metadata = tmp_path / "raw" / "meta.json"
    text = gzip.decompress((tmp_path / "raw" / "meta.json.gz").read_bytes()).decode()
    metadata.write_text(text.replace("http://images.test", site.url))
    arguments = [str(metadata) if flag.endswith("meta.json.gz") else flag for flag in flags]
    result = run(*arguments, "--download-images")
    assert result.code == 0, result.err
    assert sorted(path.name for path in (result.folder / "images").iterdir()) == ["10.jpg", "20.jpg"]
    assert "images not fetched" in result.out
    asked = len(site.requests)
    assert run(*arguments, "--download-images", "--overwrite").code == 0 and len(site.requests) == asked
