"""The same reviews of three users in the raw form of every source, and what they must become."""

import gzip
import json
import zipfile
from pathlib import Path

DAY = 86_400
FIRST_DAY = 1_400_025_600
"""Midnight, UTC."""
REVIEWS = [  # user, item, day
    ("1", "20", 0),
    ("1", "10", 1),
    ("2", "10", 1),
    ("3", "90", 2),
    ("2", "20", 3),
    ("1", "30", 4),
    ("2", "30", 5),
    ("3", "10", 6),
    ("3", "20", 7),
    ("3", "30", 8),
    ("1", "20", 9),
]
TOKENS = ["20", "10", "30"]
"""Of a 2-core, in the order of first appearance: item 90 has one review only."""
TITLES = {"10": "Pan & lid", "20": "Knife 'n' fork", "30": "Pot “deep”", "90": "Rare"}
GENRES = {"10": ["Comedy", "Drama"], "20": ["Drama"], "30": ["Western"], "90": ["War"]}


def seconds(day: int) -> int:
    """Unix time of a day's midnight."""
    return FIRST_DAY + day * DAY


def write_lines(path: Path, lines, encoding: str = "utf-8") -> Path:
    """Write lines; gzipped where the name says so."""
    content = "".join(f"{line}\n" for line in lines).encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def old_reviews(dumps=json.dumps) -> list[str]:
    """Of 2014 and 2018."""
    return [
        dumps({"reviewerID": user, "asin": item, "reviewText": "so-so, isn't it?", "unixReviewTime": seconds(day)})
        for user, item, day in REVIEWS
    ]


def new_reviews() -> list[str]:
    """Of 2023: milliseconds."""
    return [
        json.dumps({"user_id": user, "parent_asin": item, "asin": "variant", "timestamp": seconds(day) * 1000 + 999})
        for user, item, day in REVIEWS
    ]


def metadata_2014() -> list[str]:
    return [
        repr({"asin": item, "title": title, "categories": [["Home", *GENRES[item]]], "description": f"About {title}",
              "imUrl": f"http://images.test/{item}.jpg", "related": {"also_bought": ["20"]}})
        for item, title in TITLES.items()
    ]  # fmt: skip


def metadata_2018() -> list[str]:
    return [
        json.dumps({"category": ["Home", *GENRES[item]], "description": ["About", title], "title": title,
                    "image": [f"http://images.test/{item}.jpg"], "feature": [], "brand": "", "asin": item})
        for item, title in TITLES.items()
    ]  # fmt: skip


def metadata_2023() -> list[str]:
    return [
        json.dumps({"main_category": "All", "title": title, "features": [], "description": ["About", title],
                    "images": [{"thumb": "http://images.test/small.jpg", "large": "http://images.test/other.jpg"},
                               {"variant": "MAIN", "large": f"http://images.test/{item}.jpg", "hi_res": None}],
                    "store": None, "categories": ["Home", *GENRES[item]], "price": None, "parent_asin": item})
        for item, title in TITLES.items()
    ]  # fmt: skip


def write_amazon(folder: Path, form: str) -> list[str]:
    """The flags that read what was written; `form` is a year and perhaps `.gz`."""
    year, _, suffix = form.partition(".")
    reviews, metadata = {
        "2014": (old_reviews(), metadata_2014()),
        "2014literal": (old_reviews(repr), metadata_2014()),
        "2018": (old_reviews(), metadata_2018()),
        "2023": (new_reviews(), metadata_2023()),
    }[year]
    ending = "json.gz" if suffix else "json"
    paths = (write_lines(folder / f"reviews.{ending}", reviews), write_lines(folder / f"meta.{ending}", metadata))
    return ["amazon", "--reviews", str(paths[0]), "--metadata", str(paths[1])]


def write_movielens(folder: Path, form: str) -> list[str]:
    """The flags that read what was written; `form` is 100k, 1m or latest, and perhaps `.zip`."""
    size, _, suffix = form.partition(".")
    inner = folder / f"ml-{size}"
    if size == "100k":
        write_lines(inner / "u.data", [f"{user}\t{item}\t4\t{seconds(day)}" for user, item, day in REVIEWS])
        names = "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama".split("|")
        flags = {item: "|".join(str(int(name in GENRES[item])) for name in names) for item in TITLES}
        last = {item: "|".join(str(int(name in GENRES[item])) for name in ("War", "Western")) for item in TITLES}
        lines = [
            f"{item}|{latin(title)}|01-Jan-1995||http://us.imdb.com/M?a::b|{flags[item]}|0|0|0|0|0|0|0|0|{last[item]}"
            for item, title in TITLES.items()
        ]
        write_lines(inner / "u.item", lines, "latin-1")
    elif size == "1m":
        write_lines(inner / "ratings.dat", [f"{user}::{item}::4::{seconds(day)}" for user, item, day in REVIEWS])
        lines = [f"{item}::{latin(title)}::{'|'.join(GENRES[item])}" for item, title in TITLES.items()]
        write_lines(inner / "movies.dat", lines, "latin-1")
    else:
        rows = [f"{user},{item},4.0,{seconds(day)}" for user, item, day in REVIEWS]
        write_lines(inner / "ratings.csv", ["userId,movieId,rating,timestamp", *rows])
        rows = [f'{item},"{title}",{"|".join(GENRES[item])}' for item, title in TITLES.items()]
        write_lines(inner / "movies.csv", ["movieId,title,genres", *rows])
    return ["movielens", "--input", str(_zipped(inner) if suffix else inner)]


def latin(title: str) -> str:
    """The title in letters that Latin-1 has."""
    return title.replace("“", "«").replace("”", "»")


def write_table(folder: Path, form: str) -> list[str]:
    """The flags that read what was written; `form` is recbole, csv, milliseconds or iso."""
    if form == "recbole":
        rows = [f"{item}\t{user}\t{seconds(day)}.0" for user, item, day in REVIEWS]
        inter = write_lines(folder / "raw.inter", ["item_id:token\tuser_id:token\ttimestamp:float", *rows])
        rows = [f"{item}\t{title}\t{' '.join(GENRES[item])}" for item, title in TITLES.items()]
        item = write_lines(folder / "raw.item", ["item_id:token\ttitle:token_seq\tcategories:token_seq", *rows])
        return ["recbole", "--inter", str(inter), "--item", str(item)]
    time = {
        "csv": seconds,
        "milliseconds": lambda day: seconds(day) * 1000 + 1,
        "iso": lambda day: f"2014-05-{14 + day}" if day % 2 else f"2014-05-{14 + day}T02:00:00+02:00",
    }[form]
    rows = [f"x;{time(day)};{user};{item}" for user, item, day in REVIEWS]
    interactions = write_lines(folder / "log.csv", ["\ufeffnote;when;who;what", *rows])
    rows = [f'{item};"{title}";{"|".join(GENRES[item])}' for item, title in TITLES.items()]
    items = write_lines(folder / "items.csv", ["sku;name;kinds", *rows])
    flags = ["--user-column", "who", "--item-column", "what", "--time-column", "when", "--delimiter", ";"]
    flags += ["--item-id-column", "sku", "--title-column", "name", "--category-column", "kinds"]
    flags += ["--time-unit", form] if form != "csv" else []
    return ["csv", "--interactions", str(interactions), "--items", str(items), *flags]


def _zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, f"{folder.name}/{one.name}")
    return path


FORMS = {
    **{f"amazon {form}": (write_amazon, form) for form in "2014 2014.gz 2014literal 2018 2018.gz 2023 2023.gz".split()},
    **{f"movielens {form}": (write_movielens, form) for form in "100k 1m 1m.zip latest latest.zip".split()},
    **{form: (write_table, form) for form in "recbole csv milliseconds iso".split()},
}
