"""The flags of `python -m athwe.prepare`."""

import argparse
from pathlib import Path
from typing import Any, get_args

from athwe.command_line import Parser, positive_int, share
from athwe.prepare.download.public import AMAZON, MOVIELENS
from athwe.prepare.features import add_feature_flags
from athwe.prepare.features.command import add_features_command
from athwe.prepare.limits import Limits
from athwe.prepare.policies import BadTimes, Duplicates, SameDay, WithoutMetadata
from athwe.prepare.records import TimeUnit


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        UsageError: an unknown flag, command or value.
    """
    parser = Parser(
        prog="python -m athwe.prepare", description="Make a data set folder of raw data (docs/datasets.md)."
    )
    commands = parser.add_subparsers(
        dest="source", required=True, metavar="amazon | movielens | recbole | csv | features"
    )
    amazon = commands.add_parser("amazon", description="Amazon reviews of 2014, 2018 or 2023, plain or gzipped.")
    amazon.add_argument("--reviews", type=Path, nargs="+", default=[], metavar="FILE")
    amazon.add_argument("--metadata", type=Path, nargs="+", default=[], metavar="FILE")
    amazon.add_argument("--download", choices=list(AMAZON), help="fetch the files of that year instead")
    amazon.add_argument("--category", help="which of them, such as Home_and_Kitchen (default: --name)")
    movielens = commands.add_parser("movielens", description="MovieLens, of any size, as a folder or a zip.")
    movielens.add_argument("--input", type=Path, metavar="PATH", help="folder or zip")
    movielens.add_argument("--download", choices=list(MOVIELENS), help="fetch it instead")
    _add_table_flags(commands)
    _add_common_flags(amazon, same_day="first")
    _add_common_flags(movielens, same_day="keep")
    for command in (amazon, movielens):
        _add_download_flags(command)
    add_features_command(commands.add_parser("features", description="Text and image features of a data set."))
    return parser.parse_args(arguments)


def _add_table_flags(commands: Any) -> None:
    recbole = commands.add_parser("recbole", description="RecBole's atomic files: a .inter, and perhaps a .item.")
    recbole.add_argument("--inter", type=Path, required=True, metavar="FILE")
    recbole.add_argument("--item", type=Path, metavar="FILE")
    table = commands.add_parser("csv", description="One's own table, with a header.")
    table.add_argument("--interactions", type=Path, required=True, metavar="FILE")
    table.add_argument("--items", type=Path, metavar="FILE", help="a second table, of items")
    table.add_argument("--delimiter", default=",", help="one character, or 'tab' (default: %(default)s)")
    for command, defaults in (
        (recbole, ("user_id", "item_id", "timestamp")),
        (table, (None, None, None)),
    ):
        for role, default in zip(("user", "item", "time"), defaults, strict=True):
            shown = f" (default: {default})" if default else ""
            command.add_argument(
                f"--{role}-column", default=default, required=not default, metavar="NAME", help=f"of the {role}{shown}"
            )
        command.add_argument(
            "--time-unit", choices=get_args(TimeUnit), default="seconds", help="iso: 2014-07-23, or with a time of day"
        )
        command.add_argument("--item-id-column", metavar="NAME", help="in the items (default: as --item-column)")
        for role in ("title", "category", "description", "image"):
            command.add_argument(f"--{role}-column", metavar="NAME", help="in the items")
        separator = " " if command is recbole else "|"
        command.add_argument("--category-separator", default=separator, help=f"(default: {separator!r})")
        _add_common_flags(command, "keep")
        _add_image_flags(command)


def _add_common_flags(command: argparse.ArgumentParser, same_day: SameDay) -> None:
    command.add_argument("--name", required=True, help="of the data set")
    command.add_argument("--output", type=Path, default=Path("dataset"), help="the data root (default: %(default)s)")
    command.add_argument("--config-folder", type=Path, help="of <name>.yaml (default: config/)")
    command.add_argument("--overwrite", action="store_true", help="replace the data set once the new one is complete")
    command.add_argument(
        "--core",
        type=positive_int,
        metavar="N",
        help="interactions a user and an item must have (default: the config's)",
    )
    choice(command, "--bad-times", BadTimes, "drop", "zero, or in the future by more than a day")
    choice(command, "--same-day", SameDay, same_day, "a user's further interactions with an item on one day")
    choice(command, "--duplicates", Duplicates, "keep", "a user's interactions with the same item at any time")
    choice(command, "--without-metadata", WithoutMetadata, "keep", "items that nothing is said of")
    command.add_argument("--min-category-items", type=positive_int, default=5, metavar="N", help="(default: 5)")
    command.add_argument("--max-categories", type=positive_int, default=500, metavar="N", help="(default: 500)")
    limits = Limits()
    command.add_argument("--max-broken-share", type=share, default=limits.broken_share, help="of a file's lines (0.5)")
    command.add_argument("--max-line-bytes", type=positive_int, default=limits.line_bytes, help="(default: 1 MiB)")
    command.add_argument(
        "--max-decompressed", type=positive_int, default=limits.decompressed_bytes, metavar="BYTES", help="(256 GiB)"
    )
    command.add_argument("--max-ratio", type=positive_int, default=limits.ratio, help="of decompression (200)")
    add_feature_flags(command)


def choice(command: argparse.ArgumentParser, flag: str, choices: Any, default: str, text: str) -> None:
    """A policy's flag."""
    command.add_argument(flag, choices=get_args(choices), default=default, help=f"{text} (default: {default})")


def _add_image_flags(command: argparse.ArgumentParser) -> Any:
    which = command.add_mutually_exclusive_group()
    which.add_argument("--images", type=Path, metavar="DIR", help="images named <item id>.jpg, .png, .webp …")
    which.add_argument("--download-images", action="store_true", help="fetch those that the items name by URL")
    command.add_argument(
        "--image-pixels", type=positive_int, metavar="N", help="of a thumbnail's longer side (160; for an encoder 336)"
    )
    command.add_argument(
        "--download-folder", type=Path, metavar="DIR", help="where what is fetched stays (default: <output>/.downloads)"
    )


def _add_download_flags(command: argparse.ArgumentParser) -> None:
    _add_image_flags(command)
    command.add_argument("--yes", action="store_true", help="agree to large downloads")
