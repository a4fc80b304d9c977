"""What was built in this process instead of being read from the cache."""

from collections import Counter

builds: Counter[str] = Counter()
"""By kind, such as `clusters`."""
