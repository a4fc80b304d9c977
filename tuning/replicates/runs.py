"""Which trials are trained again on which further seeds. Nothing runs here."""

from collections.abc import Collection, Mapping, Sequence

from tuning.files.results import replicate_name
from tuning.finals.finalists import Finalist, FinalRun


class ReplicateRun(FinalRun):
    """A trial that ties with the best, on one further seed."""

    @property
    def name(self) -> str:
        """Of what is kept of it below the storage path."""
        return replicate_name(self.finalist.trial_id, self.seed)


def missing_replicates(
    trials: Sequence[Finalist], seeds: Sequence[int], done: Mapping[str, Collection[int]]
) -> list[ReplicateRun]:
    """Runs whose results are not there yet; seed by seed, so that trials can be compared early.

    Args:
        done: the seeds of the results there are, by trial.
    """
    return [ReplicateRun(trial, seed) for seed in seeds for trial in trials if seed not in done[trial.trial_id]]
