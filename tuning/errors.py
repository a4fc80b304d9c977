"""The search's own branch of the error tree."""

from athwe.errors import AthweError


class SearchError(AthweError):
    """A search that cannot be started as asked."""
