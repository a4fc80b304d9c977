"""Are the cluster labels that the cluster loss predicts worth predicting? By how many components are whitened.

    python benchmarks/cluster_labels.py --dataset-root ../shared/data [--dataset ml-100k]

Of each modality's labels: the share of items in the largest cluster; normalised mutual information with the categories,
of the items that have one only; and how much more often than by chance an item and the next one of a training history
share a label (chance: the same items, paired at random).
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import normalized_mutual_info_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.config import Config
from athwe.config_files import load_config, override_config
from athwe.data import Dataset, load_dataset
from athwe.data.clusters import cluster_labels
from athwe.errors import AthweError, DataError

COMPONENTS = (4, 8, 16, 32, 64, None)


def main() -> int:
    """Print a Markdown table, a line a modality and number of components."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--dataset-root")
    parser.add_argument("--clusters", type=int, default=Config().n_clusters)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--json", action="store_true", help="one JSON line instead")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    try:
        rows = measure_all(options)
    except AthweError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(rows))
        return 0
    print(
        "| modality | components | largest cluster | NMI with the category | next item of the same cluster, to chance |"
    )
    print("|---" * 5 + "|")
    for row in rows:
        components = "all (published)" if row["components"] is None else row["components"]
        figures = f"{row['largest']:.1%} | {row['nmi']:.2f} | {row['next']:.2f}"
        print(f"| {row['modality']} | {components} | {figures} |")
    return 0


def measure_all(options: argparse.Namespace) -> list[dict]:
    """A row a modality and number of components.

    Raises:
        AthweError: no such data set, or one without features or categories.
    """
    config = load_config(options.dataset)
    dataset = load_dataset(options.dataset, options.dataset_root, config)
    if not dataset.features or dataset.attributes is None:
        raise DataError(f"{dataset.name} needs text or image features, and categories to hold their clusters against")
    return [
        {"modality": name, "components": count} | measure(dataset, name, count, config, options)
        for name in dataset.features
        for count in COMPONENTS
        if count is None or count < dataset.features[name].shape[1]
    ]


def measure(
    dataset: Dataset, name: str, components: int | None, config: Config, options: argparse.Namespace
) -> dict[str, float]:
    """Means over seeds of K-medoids."""
    config = override_config(config, {"cluster_components": components, "n_clusters": options.clusters})
    digest = dataset.feature_digests[name]
    found = [
        quality(dataset, cluster_labels(dataset.features[name], digest, name, config, seed)) for seed in options.seeds
    ]
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def quality(dataset: Dataset, label: np.ndarray) -> dict[str, float]:
    """The three measures of one labelling (N,)."""
    assert dataset.attributes is not None
    described = label >= 0
    single = described & (dataset.attributes.sum(axis=1) == 1)
    position = dataset.positions("train")
    before, after = label[dataset.item[position - 1]], label[dataset.item[position]]
    known = (before >= 0) & (after >= 0)
    by_chance = np.random.default_rng(0).permutation(after[known])
    return {
        "largest": np.bincount(label[described]).max() / described.sum(),
        "nmi": normalized_mutual_info_score(dataset.attributes[single].argmax(axis=1), label[single]),
        "next": (before == after)[known].mean() / (before[known] == by_chance).mean(),
    }


if __name__ == "__main__":
    sys.exit(main())
