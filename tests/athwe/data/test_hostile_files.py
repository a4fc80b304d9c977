"""Cut, changed and foreign files of every kind: read, or refused by our errors in one line; no hang."""

import pytest
from hostile import KINDS, is_read_or_refused, often, refusal, refused
from hypothesis import given
from hypothesis import strategies as st

from athwe.errors import AthweError


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_file_is_read(kind, folder):
    assert refusal(kind, folder, KINDS[kind].good) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_read_or_refused(kind, folder):
    content = KINDS[kind].good
    for end in range(0, len(content), max(1, len(content) // 60)):
        assert is_read_or_refused(kind, folder, content[:end])


@pytest.mark.parametrize("kind", KINDS)
@often
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(kind, folder, data):
    content = bytearray(KINDS[kind].good)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(["set", "insert", "remove"])):
            case "set" if content:
                content[place] = data.draw(st.integers(0, 255))
            case "insert":
                content[place:place] = data.draw(st.binary(max_size=9))
            case "remove":
                del content[place : place + data.draw(st.integers(1, 40))]
    assert is_read_or_refused(kind, folder, bytes(content))


@pytest.mark.parametrize("kind", KINDS)
@often
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(kind, folder, content):
    assert is_read_or_refused(kind, folder, content)


@pytest.mark.parametrize("kind", ["inter", "item", "items.tsv", "yaml"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"])
def test_other_encodings_are_refused(kind, encoding, folder):
    text = KINDS[kind].good.decode().replace("x", "é")
    assert refused(kind, folder, text.encode(encoding))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in KINDS[kind].names])
def test_a_folder_in_a_file_s_place_is_refused(kind, name, folder):
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    with pytest.raises(AthweError):
        KINDS[kind].read(folder)
