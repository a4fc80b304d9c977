"""Where the public sources are."""

from dataclasses import dataclass
from typing import Literal

_AMAZON_2014 = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_MCAULEY = "https://mcauleylab.ucsd.edu/public_datasets/data/"
_GROUPLENS = "https://files.grouplens.org/datasets/movielens/"

AmazonYear = Literal["2014", "2018", "2023"]


@dataclass(frozen=True)
class PublicFile:
    """A file to fetch."""

    url: str
    md5: str | None = None
    """As its publisher states it; None where none is stated."""


AMAZON: dict[str, tuple[str, str]] = {
    "2014": (_AMAZON_2014 + "reviews_{category}_5.json.gz", _AMAZON_2014 + "meta_{category}.json.gz"),
    "2018": (
        _MCAULEY + "amazon_v2/categoryFilesSmall/{category}_5.json.gz",
        _MCAULEY + "amazon_v2/metaFiles2/meta_{category}.json.gz",
    ),
    "2023": (
        _MCAULEY + "amazon_2023/raw/review_categories/{category}.jsonl.gz",
        _MCAULEY + "amazon_2023/raw/meta_categories/meta_{category}.jsonl.gz",
    ),
}
"""Reviews and metadata by year; 2014 and 2018 are the 5-cores, 2023 is everything."""

MOVIELENS: dict[str, PublicFile] = {
    "100k": PublicFile(_GROUPLENS + "ml-100k.zip", "0e33842e24a9c977be4e0107933c0723"),
    "1m": PublicFile(_GROUPLENS + "ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906"),
    "10m": PublicFile(_GROUPLENS + "ml-10m.zip", "ce571fd55effeba0271552578f2648bd"),
    "25m": PublicFile(_GROUPLENS + "ml-25m.zip", "6b51fb2759a8657d3bfcbfc42b592ada"),
    "32m": PublicFile(_GROUPLENS + "ml-32m.zip"),
    "latest-small": PublicFile(_GROUPLENS + "ml-latest-small.zip"),
    "latest": PublicFile(_GROUPLENS + "ml-latest.zip"),
}
"""By size; `latest` changes from time to time."""


def amazon_files(year: AmazonYear, category: str) -> tuple[PublicFile, PublicFile]:
    """Reviews and metadata of a category, such as Home_and_Kitchen."""
    reviews, metadata = AMAZON[year]
    return PublicFile(reviews.format(category=category)), PublicFile(metadata.format(category=category))
