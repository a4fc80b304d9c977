"""The search's own branch of the error tree."""

from collections.abc import Sequence

from athwe.errors import AthweError


class SearchError(AthweError):
    """A search that cannot be started as asked."""


class NotReadyError(SearchError):
    """Nodes of a cluster that no trial could run on."""

    def __init__(self, problems: Sequence[str]):
        super().__init__("; ".join(problems))
        self.problems = list(problems)
        """Each one line, which names the nodes and the remedy."""
