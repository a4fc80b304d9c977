"""Train and evaluate one configuration: `python run_athwe.py --dataset demo`."""

import argparse
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from athwe.allocator import keep_freed_memory
from athwe.command_line import Parser, add_config_flags, exit_code, positive_int
from athwe.config import Config
from athwe.config_files import load_config, override_config
from athwe.errors import ConfigError
from athwe.model_keys import MODEL_NAMES

console = Console()
SPLITS_OF_USERS: dict[Literal["valid", "test"], str] = {"valid": "validate on", "test": "test on"}
WORTH_SAYING = 0.05
"""Share of training targets after the median test target, from which on leave-one-out is said to leak time."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False, show_time=False)],
    )
    keep_freed_memory()
    stopped = "stopped; the best epoch so far stays where it was written"
    return exit_code(lambda: _run(_parse(arguments)), stopped)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python run_athwe.py", description=__doc__)
    parser.add_argument(
        "--dataset", default="demo", help="folder name under the data root (default: demo, made on first use)"
    )
    add_config_flags(parser)
    parser.add_argument("--model", metavar="NAME", help=f"one of {', '.join(MODEL_NAMES)} (default: the first)")
    parser.add_argument("--epochs", type=positive_int, help="epochs at most")
    parser.add_argument(
        "--output", type=Path, help="where the best model goes (default: saved/<model>-<dataset>-<UTC time>)"
    )
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    overrides = [*([f"model={options.model}"] if options.model else []), *options.overrides]
    config = load_config(options.dataset, files=options.config, overrides=overrides)
    if options.epochs is not None:
        config = override_config(config, {"epochs": options.epochs})
    with console.status("loading"):
        from athwe.data import load_dataset  # torch is loaded here, after the configuration was found good
        from athwe.model.registry import modalities_for

        dataset = load_dataset(options.dataset, options.dataset_root, config)
        modalities = modalities_for(config, dataset)
    console.print(
        f"[bold]{config.model}[/] on {dataset.name}: {dataset.n_users - 1:,} users, {dataset.n_items - 1:,} items, "
        f"{len(dataset.item):,} interactions, modalities {', '.join(modalities)}"
    )
    _say_split(dataset)
    output = (
        options.output
        or Path("saved") / f"{config.model}-{dataset.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    )
    _train(config, dataset, output)
    return 0


def _say_split(dataset) -> None:
    """Where the split cuts; of leave-one-out, how much of training comes after test."""
    from athwe.data.time_leak import training_after_test

    if dataset.cut is not None:
        users = (f"{len(dataset.positions(split)):,} users to {what}" for split, what in SPLITS_OF_USERS.items())
        console.print(f"split by time: {dataset.cut}; {', '.join(users)}", highlight=False)
        return
    later = training_after_test(dataset).median
    if later > WORTH_SAYING:
        console.print(
            f"leave-one-out leaks time: {later:.0%} of the training targets are later than the median test target; "
            "--set split=time trains on nothing later (docs/data_report.md)",
            style="yellow",
            highlight=False,
        )


def _train(config: Config, dataset, output: Path) -> None:
    from athwe.training.trainer import Trainer

    _require_new_folder(output)
    trainer = Trainer(config, dataset)
    for result in trainer.epochs():
        if result.improved:
            _save(trainer, output)
        console.print(_epoch_line(result, config), highlight=False)
    with trainer.best_model():
        ranking = trainer.rank("test")
    _report_test(ranking, dataset, config, f"epoch {trainer.best_epoch}, chosen on validation")
    _report_slices(ranking, dataset, config)
    console.print(f"the model is in {output}: [bold]athwe.load({str(output)!r}).recommend(history, timestamps, k)[/]")


def _require_new_folder(path: Path) -> None:
    """Say before training, not after, where a model cannot be written."""
    if path.exists():
        raise ConfigError(f"--output {path} exists already: name another folder or remove it")
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        TemporaryDirectory(dir=parent).cleanup()  # permissions alone do not tell of a read-only disk
    except OSError as error:
        raise ConfigError(
            f"--output {path} cannot be made in {parent} ({error.strerror}): name a folder that can be written"
        ) from None


def _save(trainer, output: Path) -> None:
    try:
        trainer.save_model(output)
    except OSError as error:
        raise ConfigError(
            f"cannot write the model to {output}: {error.strerror or error}; an earlier epoch's is kept where there is "
            "one: make room, or name another --output"
        ) from None


def _epoch_line(result, config: Config) -> str:
    value = result.metrics.get(config.valid_key)
    valid = "" if value is None else f"  {config.valid_key} {value:.4f}{'  best so far' if result.improved else ''}"
    seconds = result.metrics["train/seconds"]
    loss = f"  loss {result.metrics['train/loss_total']:.4f}" if "train/loss_total" in result.metrics else ""
    return f"epoch {result.epoch:>3}/{config.epochs}{loss}{valid}  {seconds:.1f} s"


def _report_test(ranking, dataset, config: Config, how: str) -> None:
    from athwe.evaluation.list_measures import measure_lists, selecting_cutoff
    from athwe.evaluation.metrics import mean_metrics

    means = mean_metrics(ranking.target_rank, config.metric_names, config.topk)
    table = Table(title=f"test, {how} ({config.protocol})", title_justify="left")
    table.add_column("k", justify="right")
    for name in config.metric_names:
        table.add_column(name, justify="right")
    for k in config.topk:
        table.add_row(str(k), *(f"{means[f'{name}@{k}']:.4f}" for name in config.metric_names))
    console.print(table)
    lists = measure_lists(ranking, dataset, "test", selecting_cutoff(config.valid_key))
    beyond = Table(title="beyond accuracy (docs/evaluation.md), on the same lists", title_justify="left")
    beyond.add_column("measure")
    beyond.add_column("value", justify="right")
    for name, value in lists.of_all.items():
        beyond.add_row(name, "–" if value is None else f"{value:.4f}")
    console.print(beyond)


def _report_slices(ranking, dataset, config: Config) -> None:
    """The slices of test users that are served otherwise than all are on average, worst first."""
    from athwe.evaluation import slices
    from athwe.evaluation.target_facts import slices_of_targets

    name, _, k = config.valid_key.removeprefix("valid/").partition("@")
    everybody = slices.Slice("all", "all users", np.arange(len(ranking.positions)))
    cut = slices_of_targets(dataset, ranking.positions)
    overall, *found = slices.metrics_by_slice(ranking.target_rank, [everybody, *cut], [name], [int(k)])
    enough = slices.enough_users(config.worst_slice_users, overall.users)
    table = Table(title=f"test, slices of {enough} users or more that stand out", title_justify="left")
    table.add_column("slice")
    table.add_column("users", justify="right")
    table.add_column(f"{overall.metric} ± standard error", justify="right")
    for one in (overall, *slices.standing_out(found, overall.mean, enough)):
        label = f"{slices.TITLES[one.family]}: {one.label}" if one is not overall else one.label
        table.add_row(label, f"{one.users:,}", f"{one.mean:.4f} ± {one.standard_error:.4f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
