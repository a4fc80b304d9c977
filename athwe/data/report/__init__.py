"""What is in a data set, and what its settings make of it: `python -m athwe.data NAME` (docs/data_report.md)."""

from athwe.data.report.facts import DataReport
from athwe.data.report.inspection import inspect

__all__ = ["DataReport", "inspect"]
