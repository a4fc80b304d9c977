"""Which trials cannot be told from the best, from the store's findings to tables. Pure functions."""

import pandas as pd

OWN, SEEDS = "", "seeds"
"""What is told by: each trial's own run, or its runs on further seeds."""
_COLUMNS = ("trial", "mean", "difference", "low", "high", "p_adjusted", "tied", "seeds", "sd")


def ties_table(found: pd.DataFrame, trials: pd.DataFrame, part: str = OWN) -> pd.DataFrame:
    """One row a trial, the best first: trial, mean, difference, low, high, p_adjusted, tied, seeds, sd.

    Empty where nothing was compared. A trial that is not in the study any more has no row.

    Args:
        found: the findings on the topic `ties`, in the order of writing.
        trials: with trial_id and number.
        part: OWN or SEEDS.
    """
    rows = found[(found["subject"] != "") & (found["part"] == part)]
    if rows.empty:
        return pd.DataFrame(columns=list(_COLUMNS))
    wide = rows.pivot(index="subject", columns="name", values="value").reindex(rows["subject"].unique())
    numbers = trials.set_index("trial_id")["number"]
    wide = wide[wide.index.isin(numbers.index)]
    wide = wide.assign(trial=numbers.reindex(wide.index).to_numpy()).reindex(columns=list(_COLUMNS))
    wide = wide.astype({"trial": int, "seeds": int}).assign(tied=wide["tied"].astype(bool))
    return wide.reset_index(drop=True).rename_axis(columns=None)


def study_facts(found: pd.DataFrame) -> dict[str, float]:
    """What is known of the comparison as a whole: alpha, users, complete, and optimism where there is one."""
    return found[found["subject"] == ""].set_index("name")["value"].to_dict()


def told(frame: pd.DataFrame) -> str:
    """The tie set in words.

    >>> told(pd.DataFrame({"trial": [4, 0, 7], "tied": [True, True, False]}))
    '1 of 3 trials cannot be told from the best, trial 4: trial 0.'
    """
    best, tied = frame["trial"].iloc[0], sorted(frame[frame["tied"]]["trial"].iloc[1:])
    if not tied:
        return f"Every other one of {len(frame)} trials is worse than trial {best}."
    names = f"trial{'s' if len(tied) > 1 else ''} {', '.join(map(str, tied))}"
    return f"{len(tied)} of {len(frame)} trials cannot be told from the best, trial {best}: {names}."
