"""`python tuning/search.py --dataset NAME`: search a model's hyperparameters with Ray Tune and Optuna, into a store."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

if __name__ == "__main__":  # this file's folder comes first on the path then; our packages are in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.console import Console

from athwe.command_line import Parser, number, positive_int, probability, share
from athwe.model_keys import MODEL_NAMES
from tuning.choices import AUTO, Cost, Gain, LogTarget, PrunerName, SamplerName
from tuning.commands import exit_code
from tuning.files.retention import size_of_text
from tuning.nodes.address import wanted_address
from tuning.quiet import ConsoleLog, be_quiet
from tuning.store import DEFAULT_URL


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what was not given is None.

    Raises:
        UsageError: an unknown flag or a value of the wrong kind.
    """
    parser = Parser(prog="python tuning/search.py", description=__doc__)
    add = parser.add_argument
    add("--dataset", help="name of a data set folder (default: demo, which is generated)")
    add("--model", metavar="NAME", help=f"what is searched: {', '.join(MODEL_NAMES)} (default: the first)")
    add("--dataset-root", help="folder of data sets, before ATHWE_DATASET_ROOT and dataset/")
    add("--config", action="append", metavar="FILE", help="YAML laid over config/<dataset>.yaml; repeatable")
    add("--set", action="append", metavar="KEY=VALUE", help="laid over everything else; repeatable")
    add("--search-space", metavar="FILE", help="search settings (default: config/search/<model>.yaml)")
    add("--trials", type=positive_int, help="finished trials asked for")
    add("--epochs", type=positive_int, help="epochs a trial at most")
    add("--time-budget", type=_positive_float, metavar="SECONDS", help="end the search after this time")
    add("--trial-timeout", type=_positive_float, metavar="SECONDS", help="end a trial whose epoch takes longer")
    add("--concurrency", type=positive_int, help="trials at once (default: as many as fit)")
    add("--cpus-per-trial", type=_cores, help="cores of one trial, or auto (default: 1)")
    add("--gpus-per-trial", type=_share, help="GPUs, a share of one, or auto (default: 1 where there are GPUs)")
    add("--also-maximize", nargs="+", choices=get_args(Gain), help="further objectives beside the metric")
    add("--also-minimize", nargs="+", choices=get_args(Cost), help="further objectives beside the metric")
    add("--most-memory-gigabytes", type=_positive_float, help="a trial that needs more is infeasible")
    add("--most-train-seconds", type=_positive_float, help="a trial that trains longer is infeasible")
    add("--least-worst-slice", type=share, help="a trial whose worst slice of users is below is infeasible")
    add("--sampler", choices=get_args(SamplerName))
    add("--pruner", choices=get_args(PrunerName))
    add("--audit-share", type=share, help="share of pruned trials that are finished to judge the pruner")
    add("--alpha", type=probability, help="of --pruner racing: how likely a best trial may be stopped (default: 0.05)")
    add("--keep-models", type=positive_int, help="trials whose best model is kept (default: 10)")
    add("--disk-budget", type=_size, metavar="SIZE", help="such as 20GB: the worst kept models go where it is used up")
    add("--seed", type=int, help="of sampler and training (default: the configuration's)")
    add("--study", help="name (default: <dataset>-<UTC time>)")
    add("--store", default=DEFAULT_URL, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    add("--storage-path", help="folder for models and per-user results (default: results/<study>)")
    add("--address", help="host:port of a Ray cluster's head (default: RAY_ADDRESS, else a Ray of its own)")
    add("--resume", action="store_true", help="go on with --study, or the newest unfinished study that is not at work")
    add(
        "--extend",
        type=positive_int,
        metavar="N",
        help="N trials more for --study, which is finished; goes on where that was cut off",
    )
    add("--retry-failed", action="store_true", help="with --resume: run failed trials once more, from their start")
    add("--warm-start", metavar="STUDY", help="try the best trials of another study of this store first")
    tools = ",".join(get_args(LogTarget))
    add("--log-to", type=_log_targets, metavar="TOOL[,TOOL]", help=f"log trials there, too: any of {tools}")
    add("--json", action="store_true", help="one line of JSON on standard output, everything else on standard error")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a search; the exit code is 0, 1 where every trial failed, 2 for a user's error, 130 after Ctrl-C."""
    return exit_code(lambda: _search(parse(argv)))


def _search(arguments: argparse.Namespace) -> int:
    be_quiet(attaches=wanted_address(arguments.address) is not None)
    console = Console(stderr=arguments.json)
    with closing(ConsoleLog(console)) as log:
        from tuning.study.session import search  # Ray and torch, which take seconds, only once the flags are read

        return search(arguments, console, log)


def _positive_float(text: str) -> float:
    return number(float, text, "a number above 0", lambda value: 0 < value < float("inf"))


def _cores(text: str) -> int | str:
    return text if text == AUTO else number(int, text, "a whole number above 0, or auto", lambda value: value > 0)


def _share(text: str) -> float | str:
    expected = "a whole number, a share below 1, or auto"
    return text if text == AUTO else number(float, text, expected, lambda value: 0 <= value < 1 or value % 1 == 0)


def _size(text: str) -> int:
    try:
        return size_of_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _log_targets(text: str) -> list[str]:
    """No tool where the text is empty, so that a study that logs can be resumed without."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    known = get_args(LogTarget)
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"expected {', '.join(known)}, or several with commas, got {name!r}")
    return names


if __name__ == "__main__":
    raise SystemExit(main())
