"""Files beside the store are read by row group, and nothing outside them is."""

import os

import fixture_files
import fixture_store
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyarrow import fs

from dashboard import files, images, results
from dashboard.files import UnreadableFile

TRIAL = f"{fixture_store.FINISHED}.0"


@pytest.fixture
def study(store_url, store_folder):
    return {
        "storage_path": f"{store_folder}/storage",
        "data_fingerprint": "f00d",
        "dataset_folder": f"{store_folder}/dataset",
    }


def test_one_user_is_read_from_one_row_group(study, monkeypatch):
    path = results.recommendations_path(study, TRIAL)
    groups = []
    read = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, group: groups.append(group) or read(self, group))
    row = results.user_row(path, "U0040")
    assert row["user"] == "U0040"
    assert len(row["items"]) == 50
    assert groups == [2]  # of 16 users each


def test_an_unknown_user_and_a_missing_file_are_none(study):
    assert results.user_row(results.recommendations_path(study, TRIAL), "nobody") is None
    assert results.user_row(results.recommendations_path(study, "no-trial"), "U0001") is None
    assert results.all_users(results.recommendations_path(study, "no-trial")) is None
    assert results.diagnostics(study, "no-trial") is None


def test_all_users_are_read_by_narrow_columns_only_and_bounded(study, monkeypatch):
    path = results.recommendations_path(study, TRIAL)
    assert results.all_users(path).column("user").to_pylist() == fixture_files.USERS
    assert results.all_users(path).column_names == list(results.USER_COLUMNS), "items and scores are wide"
    files._few.clear()
    monkeypatch.setattr(results, "MAX_LISTED_USERS", 20)
    assert results.all_users(path).column("user").to_pylist() == fixture_files.USERS[:32]  # whole row groups


def test_an_older_file_gives_the_columns_that_it_has(study):
    users = results.all_users(results.recommendations_path(study, f"{fixture_store.SILENT}.0"))
    assert users.column_names == ["user", "target_rank", "history_end", "target"]


def test_a_file_that_was_written_again_is_read_again(study, tmp_path):
    copy = {"storage_path": str(tmp_path)}
    (tmp_path / "diagnostics").mkdir()
    (tmp_path / "diagnostics" / "s.0.json").write_text('{"parameters": 1}')
    assert results.diagnostics(copy, "s.0") == {"parameters": 1}
    (tmp_path / "diagnostics" / "s.0.json").write_text('{"parameters": 22}')
    assert results.diagnostics(copy, "s.0") == {"parameters": 22}


@pytest.mark.parametrize("content", [b"", b"PAR1 half", b"PAR1" * 100])
def test_a_half_written_file_is_one_line(study, tmp_path, content):
    (tmp_path / "recommendations").mkdir()
    (tmp_path / "recommendations" / "s.0.parquet").write_bytes(content)
    path = results.recommendations_path({"storage_path": str(tmp_path)}, "s.0")
    for read in (results.all_users, lambda path: results.user_row(path, "U0001")):
        with pytest.raises(UnreadableFile, match="may not have finished") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_half_written_diagnostics_are_one_line(study, tmp_path):
    (tmp_path / "diagnostics").mkdir()
    (tmp_path / "diagnostics" / "s.0.json").write_text('{"parameters": ')
    with pytest.raises(UnreadableFile):
        results.diagnostics({"storage_path": str(tmp_path)}, "s.0")


def test_items_come_in_the_order_asked_and_an_unknown_one_has_its_id_as_title(study):
    frame = results.items(results.items_path(study), ("I010", "new", "I002", "I010"))
    assert frame.index.tolist() == ["I010", "new", "I002"]
    assert frame.loc["new", ["title", "categories", "image"]].tolist() == ["new", [], ""]
    assert frame.loc["I002", "title"] == fixture_files.HOSTILE_TITLE
    assert frame.loc["I010", "categories"][0] == "Kitchen"


def test_without_an_items_file_every_item_has_its_id_as_title(study):
    frame = results.items(results.items_path(study | {"data_fingerprint": "none"}), ("I001",))
    assert frame.loc["I001", "title"] == "I001"


def test_trials_with_recommendations_are_found(study, tmp_path):
    assert TRIAL in results.recommended_trials(study["storage_path"])
    assert results.recommended_trials(str(tmp_path / "nothing")) == set()


def test_a_trial_id_cannot_name_another_file(study):
    for trial_id in ("../../etc/passwd", "a/b", "a b"):
        with pytest.raises(UnreadableFile):
            results.recommendations_path(study, trial_id)


def test_a_picture_inside_the_data_set_becomes_a_small_data_url(study):
    url = images.thumbnail(study["dataset_folder"], "images/I002.jpg")
    assert url.startswith("data:image/jpeg;base64,")
    assert len(url) < 10_000


@pytest.mark.parametrize(
    "image", ["../secret.jpg", "images/../../secret.jpg", "/etc/hostname", "", "no.jpg", "images", "a\0b"]
)
def test_a_picture_outside_the_data_set_is_refused(study, image):
    assert images.thumbnail(study["dataset_folder"], image) is None


def test_an_absolute_path_is_refused_even_where_it_is_inside(study):
    assert images.image_file(study["dataset_folder"], f"{study['dataset_folder']}/images/I002.jpg") is None


def test_a_link_out_of_the_data_set_is_refused(tmp_path):
    (tmp_path / "inside").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.jpg")
    os.symlink(tmp_path / "secret.jpg", tmp_path / "inside" / "link.jpg")
    os.symlink(tmp_path, tmp_path / "inside" / "folder")
    assert images.image_file(str(tmp_path / "inside"), "link.jpg") is None
    assert images.image_file(str(tmp_path / "inside"), "folder/secret.jpg") is None


def test_what_is_no_picture_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("<svg onload='alert(1)'/>")
    assert images.thumbnail(str(tmp_path), "a.jpg") is None


def test_without_a_data_set_folder_there_are_no_pictures():
    assert images.thumbnail(None, "images/I001.jpg") is None


def test_files_on_s3_are_read_as_local_ones_are(study, s3_bucket, monkeypatch):
    copy = study | {"storage_path": s3_bucket.format("dashboard/storage/")}
    target, place = fs.FileSystem.from_uri(copy["storage_path"])
    fs.copy_files(study["storage_path"], place.rstrip("/"), fs.LocalFileSystem(), target, use_threads=False)
    assert results.recommended_trials(copy["storage_path"]) == results.recommended_trials(study["storage_path"])
    groups = []
    read = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda self, group: groups.append(group) or read(self, group))
    local, remote = (results.user_row(results.recommendations_path(each, TRIAL), "U0040") for each in (study, copy))
    assert local == remote and groups == [2, 2]
    assert results.diagnostics(copy, TRIAL) == results.diagnostics(study, TRIAL)
    assert results.user_row(results.histories_path(copy), "U0001") is not None
    assert results.user_row(results.recommendations_path(copy, "no-trial"), "U0001") is None
    with pytest.raises(UnreadableFile):
        results.recommendations_path(copy, "../../other/storage/recommendations/x")


def test_a_storage_path_that_cannot_be_opened_is_one_line():
    with pytest.raises(UnreadableFile, match="cannot look into s3://bucket/storage/recommendations") as caught:
        results.recommended_trials("s3://bucket/storage?colour=red")
    assert "\n" not in str(caught.value)
