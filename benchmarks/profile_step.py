"""Where a training step's time goes, at Home_and_Kitchen's size: by operation, and by what a step without a part saves.

python benchmarks/profile_step.py            # as it is
python benchmarks/profile_step.py --plain    # before: the same equations written plainly, by operation
"""

import argparse
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.data import Catalogue, Dataset
from benchmarks.home_and_kitchen import make_catalogue, make_dataset, make_log
from benchmarks.measure import alternate
from benchmarks.train_step import make_plain_step, make_step, make_trainer

WITHOUT: dict[str, dict] = {
    "everything": {},
    "wavelet alignment": {"wavelet_J": 0},
    "experts": {"routed_expert_nums": 0, "shared_expert_nums": 0},
    "temporal contrast": {"phcl_weight": 0},
    "attribute loss": {"attribute_weight": 0},
    "cluster loss": {"cluster_weight": 0},
    "item contrast": {"id_contrastive_weight": 0},
    "one of two layers": {"n_layers": 1},
    "dropout": {"hidden_dropout_prob": 0, "attn_dropout_prob": 0},
    "softmax over all items": {"loss": "sampled"},
}
ROWS = 25

console = Console(width=160)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true", help="profile the plain equations")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dataset = make_dataset(make_log())
    catalogue = make_catalogue(dataset)
    trainer = make_trainer(dataset, catalogue)
    step = make_plain_step(trainer) if options.plain else make_step(trainer)
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    table = profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=ROWS, max_name_column_width=40)
    console.print(table, highlight=False, markup=False)
    if not options.plain:
        console.print(parts_table(dataset, catalogue, options.repeats))


def parts_table(dataset: Dataset, catalogue: Catalogue, repeats: int) -> Table:
    """The fastest of `repeats` steps without each part in turn."""
    actions = {name: make_step(make_trainer(dataset, catalogue, **settings)) for name, settings in WITHOUT.items()}
    fastest = {name: min(seconds) for name, seconds in alternate(actions, repeats).items()}
    whole = fastest["everything"]
    table = Table(title="a step without", title_justify="left")
    for column in ("part", "seconds", "saves"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for name, seconds in fastest.items():
        table.add_row(name, f"{seconds:.3f}", "" if name == "everything" else f"{1 - seconds / whole:.0%}")
    return table


if __name__ == "__main__":
    main()
