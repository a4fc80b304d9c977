"""What is in a data set, and which settings fit it: `python -m athwe.data ml-100k --html report.html`."""

import argparse
import json
import logging
import sys
from pathlib import Path

from rich.console import Console

from athwe.command_line import Parser, add_config_flags, exit_code
from athwe.config_files import load_config
from athwe.errors import DataError

NARROWEST = 120
"""Columns that tables get where the output is no terminal."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return exit_code(lambda: _run(_parse(arguments)))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m athwe.data", description=__doc__)
    parser.add_argument("name", help="the data set: a folder name under the data root; demo is made on first use")
    add_config_flags(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one HTML page, too")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON instead")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    config = load_config(options.name, files=options.config, overrides=options.overrides)
    with Console(stderr=True).status(f"reading {options.name}"):
        from athwe.data import load_dataset  # torch is loaded here, after the configuration was found good
        from athwe.data.report import inspect

        dataset = load_dataset(options.name, options.dataset_root, config)
        report = inspect(dataset, config, Path(dataset.folder) / f"{dataset.name}.inter")
    if options.html:
        _write_html(options.html, report)
    if options.json:
        print(json.dumps(report.to_json()))
        return 0
    from athwe.data.report.text import print_report

    print_report(Console(width=None if sys.stdout.isatty() else NARROWEST, highlight=False), report)
    return 0


def _write_html(path: Path, report) -> None:
    from athwe.data.report.page import page
    from athwe.files import replacing

    try:
        with replacing(path) as temporary:
            temporary.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write --html {path}: {error.strerror}; name a file in a folder you can write"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
