"""The README's results table: every model tuned by our own search with one budget, its best trial on test over seeds.

    python benchmarks/results.py --dataset-root ../shared/data

A search and a finalisation a model and data set, each resumable: stop and start as you like, nothing is run twice.
What was finished is in the store; `--table` prints it without running anything.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console

from athwe.command_line import exit_code
from athwe.config_files import load_config
from athwe.errors import AthweError
from athwe.model_keys import COUNTED, MODEL_NAMES
from benchmarks.quality import spread
from tuning.books.record import best_trials
from tuning.console import say
from tuning.finals.finalists import comparable_looks
from tuning.schema import INVALID
from tuning.store import Store, StoreError

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_FEATURES = ("ATHWE", "HM4SR", "SASRec", "CoOccurrence", "Popularity")
"""Models that need neither text nor images."""
DATASETS: dict[str, tuple[str, ...]] = {"ml-100k": MODEL_NAMES, "grocery": WITHOUT_FEATURES}
SMALL = ROOT / "config" / "small.yaml"
SEEDS = 3
METRIC = "ndcg@10"

console = Console(stderr=True)


def main() -> int:
    """Run the command line; returns its exit code."""
    return exit_code(lambda: make_table(parse()))


def make_table(options: argparse.Namespace) -> int:
    """Run what is missing, then print the table; gives the exit code of what failed.

    Raises:
        AthweError: no folder can be made there, or a configuration that cannot be used.
    """
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AthweError(f"--folder: {error}") from None
    epochs_of(options)  # before anything runs
    for dataset in options.datasets:
        for model in asked(dataset, options) if not options.table else ():
            if (code := search(dataset, model, options)) or (code := finalize(dataset, model, options)):
                return code
    print(table(options))
    return 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=list(DATASETS), default=list(DATASETS))
    parser.add_argument("--models", nargs="+", choices=MODEL_NAMES, default=MODEL_NAMES)
    parser.add_argument("--dataset-root", help="folder of the data sets")
    parser.add_argument(
        "--config", action="append", metavar="FILE", help="as of tuning/search.py (default: the small budget)"
    )
    parser.add_argument("--trials", type=int, default=12, help="trials of each search (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("results/table"), help="for the store and the files")
    parser.add_argument("--gpus-per-trial", help="as of tuning/search.py")
    parser.add_argument("--concurrency", help="as of tuning/search.py")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    options.config = options.config or [str(SMALL)]
    return options


def asked(dataset: str, options: argparse.Namespace) -> list[str]:
    """The models to run on a data set."""
    return [model for model in DATASETS[dataset] if model in options.models]


def study_of(dataset: str, model: str) -> str:
    """Name of the study of a model on a data set."""
    return f"{dataset}-{model}"


def search(dataset: str, model: str, options: argparse.Namespace) -> int:
    """Search, or go on searching; nothing where that is done."""
    study, row = study_of(dataset, model), stored(options, study_of(dataset, model))
    if row is not None and row["ended_at"] is not None:
        return 0
    if row is not None:
        return run(options, "search.py", "--resume", "--study", study)
    budget = [] if model in COUNTED else ["--trials", str(options.trials), "--epochs", str(epochs_of(options))]
    root = ["--dataset-root", options.dataset_root] if options.dataset_root else []
    folder = ["--storage-path", str(options.folder / study)]
    share = ["--gpus-per-trial", options.gpus_per_trial] if options.gpus_per_trial else []
    share += ["--concurrency", options.concurrency] if options.concurrency else []
    what = ["--dataset", dataset, *root, "--model", model, *budget, *folder, *share]
    files = [flag for file in options.config for flag in ("--config", file)]
    return run(options, "search.py", *what, *files, "--study", study, "--seed", "2025")


def finalize(dataset: str, model: str, options: argparse.Namespace) -> int:
    """Retrain the best trial on fresh seeds and look at test, once a seed; nothing where that is on record."""
    seeds = 1 if model in COUNTED else SEEDS  # what counts has no seeds
    return run(options, "finalize.py", "--study", study_of(dataset, model), "--top", "1", "--seeds", str(seeds))


def run(options: argparse.Namespace, script: str, *arguments: str) -> int:
    """A command of ours with its output on this terminal; gives its exit code."""
    command = [sys.executable, str(ROOT / "tuning" / script), *arguments, "--store", store_url(options)]
    shown = shlex.join(["python", f"tuning/{script}", *command[2:]])
    say(console, shown, style="dim")
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode


def epochs_of(options: argparse.Namespace) -> int:
    """Epochs that a trial of any model has: those of the budget, whatever a model's authors took."""
    return load_config("none", files=options.config).epochs


def store_url(options: argparse.Namespace) -> str:
    """One store for all of it."""
    return f"sqlite:///{options.folder / 'athwe.db'}"


def stored(options: argparse.Namespace, study: str) -> dict[str, Any] | None:
    """The study's row, or None before it was started."""
    try:
        with Store.open(store_url(options), read_only=True) as store:
            return store.study(study)
    except StoreError:
        return None


def table(options: argparse.Namespace) -> str:
    """Mean ± sample sd over seeds of the chosen trials, in Markdown; a line a model, best first."""
    header = (
        f"| data set | model | trials | {METRIC} | recall@10 | {METRIC}, mask_seen | best on valid | looks at test |"
    )
    lines = [header, "|---" * 8 + "|"]
    for dataset in options.datasets:
        rows = [row for model in asked(dataset, options) if (row := result(dataset, model, options))]
        lines += [row["line"] for row in sorted(rows, key=lambda row: row["mean"], reverse=True)]
    return "\n".join(lines)


def result(dataset: str, model: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """What the ledger and the store have of a model's best trial; None where nothing was looked at.

    A search that went on may have another best trial than the one that was looked at first: their looks do not mix,
    and all of them are counted.
    """
    study = study_of(dataset, model)
    if stored(options, study) is None:
        return None
    with Store.open(store_url(options), read_only=True) as store:
        looks, trials = store.test_evaluations(study), store.trials(study)
    if looks.empty:
        return None
    best = best_trials(trials.to_dict("records"), maximize=True)[0]
    metrics = [look.metrics for look in comparable_looks(looks, mask_seen=False) if look.trial_id == best["trial_id"]]
    if not metrics:
        console.print(f"{study}: its best trial, {best['number']}, has not been looked at yet", highlight=False)
        return None
    keys = (f"test/{METRIC}", "test/recall@10", f"test, mask_seen true/{METRIC}")
    cells = [spread([one[key] for one in metrics]) for key in keys]
    count = int((trials["reason"] != INVALID).sum())  # the others were refused before they ran, and replaced
    return {
        "mean": mean(one[keys[0]] for one in metrics),
        "line": f"| {dataset} | {model} | {count} | {' | '.join(cells)} | {best['value']:.4f} | {len(looks)} |",
    }


if __name__ == "__main__":
    sys.exit(main())
