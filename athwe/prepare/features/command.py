"""Add features to a data set that is there: `python -m athwe.prepare features ml-100k --text-encoder …`."""

import argparse
from pathlib import Path

from athwe.command_line import UsageError
from athwe.config_files import load_config
from athwe.data.folders import find_dataset
from athwe.prepare.features.flags import add_feature_flags
from athwe.prepare.features.making import write_features


def add_features_command(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `run_features_command`."""
    parser.add_argument("dataset", metavar="NAME", help="folder name under the data root")
    parser.add_argument("--dataset-root", help="folder of the data sets (default: ATHWE_DATASET_ROOT, else dataset/)")
    parser.add_argument("--config-folder", type=Path, help="of <name>.yaml (default: config/)")
    add_feature_flags(parser)


def run_features_command(options: argparse.Namespace) -> None:
    """Write the features that were asked for into the data set's folder.

    Raises:
        UsageError: none were asked for.
        AthweError: as `write_features`.
    """
    if not (options.text_encoder or options.image_encoder):
        raise UsageError("name what to encode with: --text-encoder MODEL, --image-encoder MODEL, or both")
    config = load_config(options.dataset, config_root=options.config_folder)
    folder = find_dataset(options.dataset, options.dataset_root, config.data_path)
    write_features(folder, options.dataset, options, config)
