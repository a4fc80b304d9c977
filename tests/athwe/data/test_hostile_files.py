"""Every reader of a data set against damaged, foreign and hostile files: our errors only, in one line, no hang."""

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import HEADER, KEEP_ALL, ROWS, TOKENS, write_features, write_interactions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from athwe.config import DataConfig
from athwe.config_files import load_config, parse_override, read_yaml
from athwe.data.interactions import prepare_interactions
from athwe.data.items import read_items
from athwe.data.keyed_features import KEYED_FILE, TOKENS_KEY, has_keyed, read_keyed
from athwe.data.modalities import check_item_list, read_attributes, read_features
from athwe.data.tables import BLOCK_BYTES
from athwe.errors import AthweError, ConfigError, DataError

KEEP = DataConfig(**KEEP_ALL)
TOKEN_ARRAY = np.array(TOKENS)
often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def inter_bytes() -> bytes:
    return "\n".join([HEADER, *("\t".join(map(str, row)) for row in ROWS), ""]).encode()


def tensor_bytes() -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.ones(len(TOKENS), 3) * (torch.arange(len(TOKENS)) > 0)[:, None], buffer)
    return buffer.getvalue()


def keyed_bytes() -> bytes:
    return save({"txt": torch.ones(4, 3)}, {TOKENS_KEY: "\n".join(TOKENS[1:])})


def read_inter(folder: Path, content: bytes) -> object:
    path = folder / "tiny.inter"
    path.write_bytes(content)
    return prepare_interactions(path, KEEP)


def read_item(folder: Path, content: bytes) -> object:
    (folder / "tiny.item").write_bytes(content)
    return read_items(folder, "tiny", "item_id", TOKEN_ARRAY)


def read_list(folder: Path, content: bytes) -> object:
    (folder / "items.tsv").write_bytes(content)
    return check_item_list(folder / "items.tsv", TOKEN_ARRAY)


def read_pt(folder: Path, content: bytes) -> object:
    (folder / "txt_emb.pt").write_bytes(content)
    (folder / "cat.pt").write_bytes(content)
    read_attributes(folder, TOKEN_ARRAY)
    return read_features(folder, TOKEN_ARRAY, None)


def read_safetensors(folder: Path, content: bytes) -> object:
    (folder / KEYED_FILE).write_bytes(content)
    return has_keyed(folder, "txt") and read_keyed(folder, "txt", TOKEN_ARRAY)


def read_config(folder: Path, content: bytes) -> object:
    (folder / "more.yaml").write_bytes(content)
    return load_config("tiny", files=[folder / "more.yaml"])


YAML = b"model: ATHWE\ntopk: [5, 10]\nbeta: 0.3\nuser_inter_num_interval: '[5,inf)'\nmodalities: [item, txt]\n"
ITEMS = b"item_id:token\ttitle:token\tcategories:token_seq\timage:token\nx\tA title\tone two\timages/x.jpg\n"
LIST = "\n".join(["internal_id\titem_id", *(f"{number}\t{token}" for number, token in enumerate(TOKENS)), ""]).encode()
READERS = {
    "inter": (read_inter, inter_bytes()),
    "item": (read_item, ITEMS),
    "items.tsv": (read_list, LIST),
    "pt": (read_pt, tensor_bytes()),
    "safetensors": (read_safetensors, keyed_bytes()),
    "yaml": (read_config, YAML),
}


def try_to_read(name: str, folder: Path, content: bytes) -> object:
    """What the reader gives, or its refusal, in one line; any other exception fails the test."""
    try:
        return READERS[name][0](folder, content)
    except AthweError as error:
        assert "\n" not in str(error) and len(str(error)) < 2_000
        return error


@pytest.mark.parametrize("name", READERS)
def test_the_whole_file_is_read(name, folder):
    assert not isinstance(try_to_read(name, folder, READERS[name][1]), AthweError)


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_anywhere_is_read_or_refused(name, folder):
    content = READERS[name][1]
    for end in range(0, len(content), max(1, len(content) // 60)):
        try_to_read(name, folder, content[:end])


@pytest.mark.parametrize("name", READERS)
@often
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(name, folder, data):
    content = bytearray(READERS[name][1])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(["set", "insert", "remove"])):
            case "set" if content:
                content[place] = data.draw(st.integers(0, 255))
            case "insert":
                content[place:place] = data.draw(st.binary(max_size=9))
            case "remove":
                del content[place : place + data.draw(st.integers(1, 40))]
    try_to_read(name, folder, bytes(content))


@pytest.mark.parametrize("name", READERS)
@often
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(name, folder, content):
    try_to_read(name, folder, content)


@pytest.mark.parametrize("name", ["inter", "item", "items.tsv", "yaml"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"])
def test_other_encodings_are_refused(name, encoding, folder):
    text = READERS[name][1].decode().replace("x", "é")
    assert isinstance(try_to_read(name, folder, text.encode(encoding)), AthweError)


@pytest.mark.parametrize("name", READERS)
def test_a_folder_in_a_file_s_place_is_refused(name, folder):
    file_name = {"inter": "tiny.inter", "item": "tiny.item", "items.tsv": "items.tsv", "pt": "txt_emb.pt"}.get(name)
    path = folder / (file_name or {"safetensors": KEYED_FILE, "yaml": "more.yaml"}[name])
    path.unlink(missing_ok=True)
    path.mkdir()
    with pytest.raises(AthweError):
        match name:
            case "inter":
                prepare_interactions(path, KEEP)
            case "item":
                read_items(folder, "tiny", "item_id", TOKEN_ARRAY)
            case "items.tsv":
                check_item_list(path, TOKEN_ARRAY)
            case "pt":
                read_features(folder, TOKEN_ARRAY, None)
            case "safetensors":
                has_keyed(folder, "txt")
            case "yaml":
                read_yaml(path)


def refusal(name: str, folder: Path, content: bytes) -> str:
    error = try_to_read(name, folder, content)
    assert isinstance(error, AthweError), error
    return str(error)


def test_null_bytes_in_ids_are_refused_since_they_would_make_two_ids_one(folder):
    rows = b"".join(b"%s\tx\t%d\n" % (user, time) for user in (b"a", b"a\0") for time in range(5))
    assert "NUL" in refusal("inter", folder, HEADER.encode() + b"\n" + rows)


def test_long_ids_are_refused_by_a_stated_limit_before_they_fill_memory(folder):
    rows = [(f"u{user}", "x" * 1_000_000 if user == 0 else f"i{user}", user) for user in range(2_000)]
    path = write_interactions(folder, rows)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="item_id of 1,000,000 characters.*most is 256"):
            prepare_interactions(path, KEEP)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000, "a fixed-width array of them would take 8 GB"
    finally:
        tracemalloc.stop()


def test_a_row_longer_than_a_block_is_refused(folder):
    refusal("inter", folder, inter_bytes() + b"y" * (2 * BLOCK_BYTES + 10) + b"\tx\t1\n")


def test_a_column_that_is_named_twice_is_refused(folder):
    content = inter_bytes().replace(b"timestamp:float", b"user_id:token\ttimestamp:float").replace(b"\t5", b"\tq\t5")
    assert "names 'user_id' 2 times" in refusal("inter", folder, content)


def test_a_very_long_cell_of_an_item_is_refused(folder):
    assert "10,000" in refusal("item", folder, ITEMS.replace(b"one two", b"c" * 20_000))


def zip_of(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def entries_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_compressed_tensor_file_is_refused_before_it_expands(folder):
    entries = entries_of(tensor_bytes())
    data = next(name for name in entries if name.endswith("data/0"))
    bomb = zip_of(entries | {data: bytes(64_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    assert "is compressed" in refusal("pt", folder, bomb) and "hold 64,000" in refusal("pt", folder, bomb)


def test_a_pickle_that_would_make_gigabytes_is_refused_unread(folder):
    """`weights_only` allows `bytearray`, so 30 bytes could ask for any amount."""
    call = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (9_000_000_000).to_bytes(5, "little") + b"\x85R."
    entries = entries_of(tensor_bytes())
    named = next(name for name in entries if name.endswith("data.pkl"))
    assert "'builtins bytearray'" in refusal("pt", folder, zip_of(entries | {named: call}))
    old = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {})) + call + pickle.dumps([], 2)
    assert "'builtins bytearray'" in refusal("pt", folder, old)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: torch.zeros(1).expand(5, 2_000_000_000), "declares a tensor of shape (5, 2000000000)"),
        (lambda: torch.zeros(5, 3, device="meta"), "not a plain tensor file"),
        (lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "not a plain tensor file"),
        (lambda: torch.zeros(5, 3).to_sparse(), "not a plain tensor file"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_of_other_kinds_are_refused(folder, make, part):
    buffer = io.BytesIO()
    torch.save(make(), buffer)
    assert part in refusal("pt", folder, buffer.getvalue())


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("wrap", [torch.nn.Parameter, torch.Tensor.bfloat16, torch.Tensor.double])
def test_what_torch_saves_of_features_is_read_in_either_format(folder, wrap, is_new):
    tensor = write_features(folder)
    torch.save(wrap(tensor), folder / "txt_emb.pt", _use_new_zipfile_serialization=is_new)
    np.testing.assert_array_equal(read_features(folder, TOKEN_ARRAY, None)["txt"], tensor.numpy())


def safetensors_of(header: dict, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


TOKENS_OF_ONE = {"__metadata__": {TOKENS_KEY: "x"}}


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        safetensors_of({"txt": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 16]}}, bytes(16)),
        safetensors_of({"txt": {"dtype": "F32", "shape": [2**33, 2**31], "data_offsets": [0, 0]}}),
        safetensors_of({"txt": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors_of(TOKENS_OF_ONE | {"txt": {"dtype": "C64", "shape": [1, 2], "data_offsets": [0, 16]}}, bytes(16)),
        safetensors_of(TOKENS_OF_ONE | {"txt": {"dtype": "I64", "shape": [1, 2], "data_offsets": [0, 16]}}, bytes(16)),
        safetensors_of(TOKENS_OF_ONE | {"txt": {"dtype": "F32", "shape": [1, 0], "data_offsets": [0, 0]}}),
    ],
)
def test_headers_that_lie_and_types_that_are_no_features_are_refused(folder, content):
    refusal("safetensors", folder, content)


def test_one_very_wide_row_is_refused_before_every_item_gets_as_wide_a_one(folder):
    wide = save({"txt": torch.ones(1, 70_000, dtype=torch.uint8).to(torch.float16)}, {TOKENS_KEY: "x"})
    assert "70,000 numbers an item; the most is 65,536" in refusal("safetensors", folder, wide)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("gate: !!bool maybe", "a tag such as !!bool is not taken"),
        ("time_scale: !!int ''", "a tag"),
        ("valid_from: !!timestamp x", "a tag"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nbeta: *b", "alias"),
        ("beta: " + "[" * 5_000, "nested too deep"),
        ("beta: " + "9" * 5_000, "not YAML"),
        ("beta: 0x" + "f" * 9_000, "a very long int"),
        ("topk: [0x" + "f" * 9_000 + "]", "config: Exceeds the limit"),
        ("valid_from: 2014-13-45", "not YAML"),
        ("beta: !!python/object/apply:os.getcwd []", "not YAML"),
        ("? [a, b]\n: c", "not YAML|key: value"),
        ("beta: " + "x" * 300_000, "100,000 bytes"),
    ],
)
def test_yaml_that_is_hostile_or_odd_is_one_line(tmp_path, text, part):
    (tmp_path / "more.yaml").write_text(text)
    with pytest.raises(ConfigError, match=part) as error:
        load_config("tiny", files=[tmp_path / "more.yaml"])
    assert "\n" not in str(error.value) and len(str(error.value)) < 2_000


@pytest.mark.parametrize("text", ["beta=" + "[" * 5_000, "beta=" + "9" * 5_000, "beta=2014-13-45", "beta=*a", "b=\0"])
def test_a_flag_that_is_no_yaml_is_one_line(text):
    with pytest.raises(ConfigError, match="is not a YAML value") as error:
        parse_override(text)
    assert len(str(error.value)) < 500


@often
@given(time=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n\r"), max_size=12))
def test_any_text_as_a_time_is_read_or_refused(folder, time):
    try_to_read("inter", folder, inter_bytes() + f"a\tx\t{time}\n".encode())


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
