"""What the command refuses, in one line, before it has written anything."""

import pytest
from raw_files import old_reviews, seconds, write_lines


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "amazon | movielens | recbole | csv"),
        (["netflix"], "invalid choice"),
        (["amazon"], "one of --reviews and --download"),
        (["amazon", "--reviews", "missing.json"], "cannot read missing.json: No such file or directory"),
        (["amazon", "--reviews", "missing.json", "--max-broken-share", "2"], "from 0 to 1"),
        (["amazon", "--reviews", "a", "--bad-times", "guess"], "invalid choice"),
        (["amazon", "--reviews", "a", "--images", "nowhere"], "is no folder"),
        (["amazon", "--reviews", "a", "--download", "2014"], "one of --reviews and --download"),
        (["amazon", "--download", "2015"], "invalid choice"),
        (["movielens"], "one of --input and --download"),
        (["movielens", "--input", "missing"], "cannot read missing"),
        (["movielens", "--input", "."], "is no MovieLens"),
        (["recbole"], "--inter"),
        (["csv", "--interactions", "a"], "--user-column"),
        (
            "csv --interactions a --user-column u --item-column i --time-column t --delimiter ab".split(),
            "one character",
        ),
        ("csv --interactions a --user-column u --item-column i --time-column t --title-column x".split(), "no table"),
        (
            "csv --interactions a --items b --user-column u --item-column i --time-column t".split(),
            "none of its columns",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_code_2(run, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.code == 2 and expected in result.err and result.err.count("\n") == 1
    assert result.err.startswith("error: ") and not list(tmp_path.glob("data/*")) and not list(tmp_path.glob("config"))


@pytest.mark.parametrize("name", ["../other", "a/b", ".hidden", "", "a b"])
def test_a_name_that_leads_out_of_the_data_root_is_refused(run, flags, tmp_path, name):
    result = run(*flags, name=name)
    assert result.code == 2 and "no folder name" in result.err and not (tmp_path / "data").exists()


def test_a_missing_column_is_told_with_those_there_are(run, tmp_path):
    table = write_lines(tmp_path / "table.csv", ["who;what;when", "1;2;3"])
    result = run(
        "csv", "--interactions", str(table), *"--user-column who --item-column what --time-column when".split()
    )
    assert result.code == 2 and "no column 'who', 'what', 'when'" in result.err and "'who;what;when'" in result.err


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"who,what,when,gr\xf6\xdfe", "the header of {} cannot be read: not UTF-8 text"),
        (b"who,what,when,when", "the header of {} names 'when' more than once"),
    ],
)
def test_a_header_that_does_not_tell_its_columns_is_refused_as_such(run, tmp_path, header, expected):
    table = tmp_path / "table.csv"
    table.write_bytes(header + b"\n" + b"a,b,1000,2000\n" * 9)
    result = run(
        "csv", "--interactions", str(table), *"--user-column who --item-column what --time-column when".split()
    )
    assert result.code == 2 and expected.format(table) in result.err


def test_a_column_of_the_items_that_is_missing_is_told_before_the_interactions_are_read(run, tmp_path):
    first = write_lines(tmp_path / "first", ["no record at all"])
    items = write_lines(tmp_path / "items", ["i,name", "1,Pan"])
    names = "--user-column u --item-column i --time-column t --title-column title".split()
    result = run("csv", "--interactions", str(first), "--items", str(items), *names)
    assert result.code == 2 and f"{items} has no column 'title'" in result.err


@pytest.mark.parametrize("source", ["amazon", "csv"])
def test_a_second_file_that_is_missing_is_told_before_the_first_is_read(run, tmp_path, source):
    first = write_lines(tmp_path / "first", ["no record at all"])
    names = "--user-column u --item-column i --time-column t --title-column n".split()
    arguments = {
        "amazon": ["--reviews", str(first), "--metadata", "missing"],
        "csv": ["--interactions", str(first), "--items", "missing", *names],
    }
    assert run(source, *arguments[source]).err == "error: cannot read missing: No such file or directory\n"


def test_a_core_that_leaves_nothing_is_told_without_the_temporary_name(run, flags, tmp_path):
    result = run(*flags[: flags.index("--core")], "--core", "50")
    assert result.code == 2 and "nothing is left of made.inter" in result.err and ".tmp" not in result.err
    assert list((tmp_path / "data").iterdir()) == [] and not (tmp_path / "config").exists()


def test_milliseconds_taken_for_seconds_are_told(run, tmp_path):
    table = write_lines(tmp_path / "table.csv", ["u,i,t", *(f"1,{item},{seconds(item)}000" for item in range(5))])
    result = run("csv", "--interactions", str(table), *"--user-column u --item-column i --time-column t".split())
    assert result.code == 2 and "line 2" in result.err and "--time-unit milliseconds?" in result.err


def test_seconds_taken_for_milliseconds_are_told(run, tmp_path):
    table = write_lines(tmp_path / "table.csv", ["u,i,t", *(f"1,{item},{seconds(item)}" for item in range(5))])
    names = "--user-column u --item-column i --time-column t --time-unit milliseconds".split()
    result = run("csv", "--interactions", str(table), *names)
    assert result.code == 2 and "line 2" in result.err and "--time-unit seconds?" in result.err


def test_an_output_that_cannot_be_written_is_one_line(run, flags, tmp_path):
    (tmp_path / "data").write_text("a file")
    result = run(*flags)
    assert result.code == 2 and "cannot write" in result.err and result.err.count("\n") == 1


def test_dropping_every_item_for_want_of_metadata_is_refused(run, tmp_path):
    reviews = write_lines(tmp_path / "reviews.json", old_reviews())
    result = run("amazon", "--reviews", str(reviews), "--core", "2", "--without-metadata", "drop")
    assert result.code == 2 and "would leave nothing" in result.err and not result.folder.exists()
