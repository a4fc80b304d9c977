"""Whom a model serves worst."""

from functools import cached_property

from athwe.config import Config
from athwe.data import Dataset
from athwe.evaluation.ranking import Ranking
from athwe.evaluation.slices import Slice, worst_slice
from athwe.evaluation.target_facts import slices_of_targets


class WorstSlice:
    """The selecting metric in that slice of a data set's validation users where it is lowest."""

    def __init__(self, config: Config, dataset: Dataset):
        self._config = config
        self._dataset = dataset

    @cached_property
    def _slices(self) -> list[Slice]:
        found = slices_of_targets(self._dataset, self._dataset.positions("valid"))
        return [one for one in found if one.family in self._config.worst_slice_families]

    def mean(self, ranking: Ranking) -> float:
        """Over the users of the slice, of a validation ranking."""
        metric = self._config.valid_key.removeprefix("valid/")
        return worst_slice(ranking.target_rank, self._slices, metric, self._config.worst_slice_users).mean
