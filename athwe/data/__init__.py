"""From a data set folder to batches: reading, filtering, splitting, features, categories and cluster labels."""

from athwe.data.catalogue import Catalogue, build_catalogue
from athwe.data.dataset import Dataset, load_dataset
from athwe.data.sequences import Batch

__all__ = ["Batch", "Catalogue", "Dataset", "build_catalogue", "load_dataset"]
