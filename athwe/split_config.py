"""The settings of the split (`data/split.py`, docs/data_report.md)."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

_VALID_FROM, _TEST_FROM = 0.8, 0.9


class SplitConfig(BaseModel):
    """What trains, validates and tests."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    split: Literal["leave_one_out", "time"] = "leave_one_out"
    """Whether each user's last two interactions are held out, or what lies after a cut in time."""
    valid_from: float | str = _VALID_FROM
    """`split: time`: from when on interactions are for validation; a date (UTC) or the share of all that is earlier."""
    test_from: float | str = _TEST_FROM
    """`split: time`: from when on they are for test."""

    @field_validator("valid_from", "test_from", mode="before")
    @classmethod
    def _is_cut(cls, value: Any) -> float | str:
        if isinstance(value, date):  # what YAML makes of 2014-05-01
            value = value.isoformat()
        with suppress(ValueError):
            if isinstance(value, str) and 1970 <= datetime.fromisoformat(value).year < 5139:
                return value
        if isinstance(value, float) and 0 < value < 1:
            return value
        raise ValueError("expected a share of the interactions between 0 and 1, or a date such as 2014-05-01")

    @model_validator(mode="after")
    def _cuts_fit(self):
        cuts = (self.valid_from, self.test_from)
        if self.split != "time" and cuts != (_VALID_FROM, _TEST_FROM):
            raise ValueError("valid_from and test_from belong to split: time; set it, or leave them out")
        if all(isinstance(cut, float) for cut in cuts) and self.valid_from >= self.test_from:  # type: ignore[operator]
            raise ValueError(f"valid_from {self.valid_from} must be below test_from {self.test_from}")
        return self

    @property
    def split_in_words(self) -> str:
        """The split with its cuts.

        >>> SplitConfig().split_in_words, SplitConfig(split="time").split_in_words
        ('split leave_one_out', 'split time valid_from 0.8 test_from 0.9')
        """
        cuts = f" valid_from {self.valid_from} test_from {self.test_from}" if self.split == "time" else ""
        return f"split {self.split}{cuts}"
