"""`python -m athwe.prepare amazon | movielens | recbole | csv | features`: from raw data to a data set folder."""

import argparse
import logging
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from athwe.command_line import exit_code
from athwe.config import Config
from athwe.config_files import default_config_root, load_config, override_config
from athwe.errors import ConfigError, DataError
from athwe.prepare.bars import Bars
from athwe.prepare.choosing import Images, choose_source
from athwe.prepare.config_file import write_config
from athwe.prepare.features import check_encoders, write_features
from athwe.prepare.features.command import run_features_command
from athwe.prepare.flags import parse
from athwe.prepare.limits import Limits
from athwe.prepare.pipeline import Job, Outcome, Settings, prepare
from athwe.prepare.policies import Policies
from athwe.prepare.reading import Reader
from athwe.prepare.report import FILE_NAME, lines_of, table_of, write_report

SHOWN_PIXELS, ENCODED_PIXELS = 160, 336
"""Longer side of a thumbnail; of one that an encoder reads, which takes 224 of a 3:2 photo's shorter side."""
console = Console()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    handler = RichHandler(console=console, show_path=False, show_time=False)
    handler.addFilter(logging.Filter("athwe"))  # not what libraries log of their downloads
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    stopped = "stopped; a data set is written as a whole or not at all; what was fetched or encoded is used again"
    return exit_code(lambda: _run(sys.argv[1:] if arguments is None else arguments), stopped)


def _run(arguments: list[str]) -> int:
    try:
        options = parse(arguments)
        if options.source == "features":
            run_features_command(options)
        else:
            _prepare(options, arguments)
    except OSError as error:  # of the output: what is read tells its own
        raise DataError(f"cannot write {error.filename or 'the data set'}: {error.strerror or error}") from error
    return 0


def _prepare(options: argparse.Namespace, arguments: list[str]) -> None:
    config_path = (options.config_folder or default_config_root()) / f"{options.name}.yaml"
    settings = Settings(
        name=options.name,
        root=options.output,
        config=_config(options, config_path),
        overwrite=options.overwrite,
        least_category_items=options.min_category_items,
        most_categories=options.max_categories,
        image_pixels=options.image_pixels or (ENCODED_PIXELS if options.image_encoder else SHOWN_PIXELS),
    )
    settings.require_free()
    encoders = check_encoders(options)
    policies = Policies(options.bad_times, options.same_day, options.duplicates, options.without_metadata)
    limits = Limits(options.max_decompressed, options.max_ratio, options.max_line_bytes, options.max_broken_share)
    with Bars(console) as bars:
        reader = Reader(limits, bars)
        images = Images(options, bars)

        def finish(folder: Path, outcome: Outcome) -> None:
            lines = lines_of(outcome, policies, reader, images.failed)
            write_report(folder / FILE_NAME, lines, reader, settings, policies, arguments)
            write_config(config_path, settings.name, settings.config)

        source = choose_source(options, limits, bars)
        find = images.find if images.wanted else None
        outcome = prepare(Job(source, settings, policies, reader, find, images.told, bars.stage, finish))
    console.print(table_of(lines_of(outcome, policies, reader, images.failed), f"{settings.folder}"))
    # A data set without features, too: a failure keeps it.
    write_features(settings.folder, settings.name, options, settings.config, encoders)
    command = ["python", "run_athwe.py", "--dataset", settings.name, "--dataset-root", str(settings.root)]
    if options.config_folder:
        command += ["--config", str(config_path)]
    console.print(f"next: [bold]{escape(shlex.join(command))}[/]", soft_wrap=True)


def _config(options: argparse.Namespace, path: Path) -> Config:
    """The data set's configuration as a run will read it, with `--core` where there is none yet.

    Raises:
        ConfigError: it cannot be read, or says otherwise than `--core`.
    """
    config = load_config(options.name, config_root=path.parent)
    if not options.core:
        return config
    interval = f"[{options.core},inf)"
    keys = ("user_inter_num_interval", "item_inter_num_interval")
    if path.exists() and any(getattr(config, key) != interval for key in keys):
        raise ConfigError(
            f"--core {options.core} differs from {' and '.join(keys)} in {path}, which is not written over; change it "
            "there, or leave out --core"
        )
    return override_config(config, dict.fromkeys(keys, interval))
