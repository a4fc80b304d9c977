"""MovieLens, as a folder or the zip as it comes: 100k (`u.data`), 1M and 10M (`::`), latest and 20M on (CSV).

Source: Harper and Konstan 2015, https://grouplens.org/datasets/movielens/.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import NamedTuple

from athwe.errors import DataError
from athwe.prepare.opening import SourceFile, open_zip, telling
from athwe.prepare.reading import Reader, Source
from athwe.prepare.records import BrokenLine, Item, Review, make_item, review, to_seconds
from athwe.prepare.sources.table import Columns, Form, Table

GENRES = (
    "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|Musical|"
    "Mystery|Romance|Sci-Fi|Thriller|War|Western"
).split("|")
"""Of 100k, in the order of its columns (`u.genre`)."""
NO_GENRES = {"(no genres listed)", "unknown"}
LATEST = Columns(user="userId", item="movieId", time="timestamp", item_id="movieId", title="title", category="genres")


class OldForm(NamedTuple):
    """A form without headers."""

    ratings: str
    delimiter: str
    movies: str
    movie_delimiter: str
    parse_movie: Callable[[list[str]], tuple[str, str, list[str]]]
    """Id, title and genres of a line's cells."""


class MovieLens:
    """The older forms."""

    def __init__(self, ratings: SourceFile, movies: SourceFile | None, form: OldForm):
        self._ratings = ratings
        self._movies = movies
        self._form = form

    def reviews(self, reader: Reader) -> Iterator[Review]:
        """Every rating, in the order of the file."""
        yield from reader.records(self._ratings, self._parse_rating)

    def items(self, reader: Reader, kept: Set[str]) -> Iterator[Item]:
        """The movies in `kept`; a line that is not UTF-8 is Latin-1."""

        def parse(line: str) -> Item | None:
            movie, title, genres = self._form.parse_movie(line.rstrip("\r\n").split(self._form.movie_delimiter))
            return _without_no_genres(make_item(movie, title, genres, "")) if movie in kept else None

        if self._movies is not None:
            yield from reader.records(self._movies, parse, fallback="latin-1")

    def _parse_rating(self, line: str) -> Review:
        cells = line.rstrip("\r\n").split(self._form.delimiter)
        if len(cells) != 4:
            raise BrokenLine(f"{len(cells)} values, expected user, item, rating and time")
        return review(cells[0], cells[1], to_seconds(cells[3], "seconds"))


class LatestMovieLens(Table):
    """The newer form, with headers."""

    def items(self, reader: Reader, kept: Set[str]) -> Iterator[Item]:
        """The movies in `kept`."""
        return map(_without_no_genres, super().items(reader, kept))


def find_movielens(path: Path) -> Source:
    """The source in a folder or zip, told by the files in it.

    Raises:
        DataError: none of the forms is there.
    """
    files = _files(path)
    for form in OLD_FORMS:
        if form.ratings in files:
            return MovieLens(files[form.ratings], files.get(form.movies), form)
    if "ratings.csv" in files:
        return LatestMovieLens(files["ratings.csv"], files.get("movies.csv"), LATEST, Form())
    raise DataError(
        f"{path} is no MovieLens: expected u.data (100k), ratings.dat (1M, 10M) or ratings.csv (latest, 20M, 25M, 32M) "
        "in it"
    )


def _files(path: Path) -> Mapping[str, SourceFile]:
    """By name, of the folder itself or the zip's own folder."""
    if path.is_dir():
        with telling(str(path)):
            return {one.name: SourceFile(one) for one in sorted(path.iterdir()) if one.is_file()}
    with open_zip(path) as archive:
        members = [name for name in archive.namelist() if name.count("/") <= 1]
        return {name.rpartition("/")[2]: SourceFile(path, name) for name in members}


def _movie_of_100k(cells: list[str]) -> tuple[str, str, list[str]]:
    if len(cells) != 5 + len(GENRES):
        raise BrokenLine(f"{len(cells)} values, expected {5 + len(GENRES)}")
    return cells[0], cells[1], [name for name, flag in zip(GENRES, cells[5:], strict=True) if flag == "1"]


def _movie_of_1m(cells: list[str]) -> tuple[str, str, list[str]]:
    if len(cells) < 3:
        raise BrokenLine(f"{len(cells)} values, expected movie, title and genres")
    return cells[0], "::".join(cells[1:-1]), cells[-1].split("|")


def _without_no_genres(item: Item) -> Item:
    return item._replace(categories=tuple(name for name in item.categories if name not in NO_GENRES))


OLD_FORMS = (
    OldForm("u.data", "\t", "u.item", "|", _movie_of_100k),
    OldForm("ratings.dat", "::", "movies.dat", "::", _movie_of_1m),
)
