from pathlib import Path

import pytest

from athwe.files import remove, replacing


def test_a_file_takes_its_place_at_the_end_only(tmp_path: Path):
    path = tmp_path / "folder" / "file"
    with replacing(path) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "new" and list(path.parent.iterdir()) == [path]


def test_a_folder_replaces_another_as_a_whole(tmp_path: Path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with replacing(path) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
        assert (path / "old").exists()
    assert [each.name for each in path.iterdir()] == ["new"] and list(tmp_path.iterdir()) == [path]


def test_a_file_never_replaces_a_folder(tmp_path: Path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(IsADirectoryError), replacing(path) as temporary:
        temporary.touch()
    assert [each.name for each in path.iterdir()] == ["old"] and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one_in_it(tmp_path: Path, monkeypatch):
    path, rename = tmp_path / "folder", Path.rename
    path.mkdir()
    (path / "old").touch()

    def refuse_the_new_one(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise PermissionError(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    with pytest.raises(PermissionError), replacing(path) as temporary:
        temporary.mkdir()
    assert [each.name for each in path.iterdir()] == ["old"] and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("is_folder", [False, True])
def test_after_an_error_the_old_one_stands_and_nothing_else(tmp_path: Path, is_folder: bool):
    path = tmp_path / "name"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.mkdir() if is_folder else temporary.touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [path] and path.read_text(encoding="utf-8") == "old"


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    remove(tmp_path / "nothing")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
