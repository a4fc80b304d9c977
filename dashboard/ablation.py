"""What an ablation found, from the store's findings to tables. Pure functions."""

import pandas as pd

TITLES = {
    "item": "item ids",
    "txt": "text",
    "img": "images",
    "wavelet": "wavelet alignment",
    "time": "time gaps",
    "routed_experts": "routed experts",
    "shared_experts": "shared experts",
    "item_contrast": "item contrast (loss)",
    "temporal_contrast": "temporal contrast (loss)",
    "attribute": "category prediction (loss)",
    "cluster": "cluster prediction (loss)",
    "expert_diversity": "expert diversity (loss)",
}
"""Parts in words; another version of the search may know others, which keep their names."""
ALPHA = 0.05
EARNS, COSTS, UNTOLD = "earns its place", "costs", "cannot be told"
_WHOLE, _SUBSET, _NONE = "full", "subset", "none"


def parts_table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a part, the one whose loss hurts most first; empty where nothing was compared.

    Columns part, without, mean, sd, difference, low, high, seeds, users, verdict, parameters saved.

    Args:
        found: the findings on the topic `ablation`.
    """
    wide = _wide(found[found["part"] == ""])
    if "difference" not in wide or _WHOLE not in wide.index:
        return pd.DataFrame()
    whole = wide.loc[_WHOLE]
    parts = wide.drop(_WHOLE).dropna(subset=["difference"]).sort_values("difference")
    return pd.DataFrame(
        {
            "part": parts.index, "without": [TITLES.get(each, each) for each in parts.index],
            "mean": parts["mean"], "sd": parts["sd"], "difference": parts["difference"],
            "low": parts["low"], "high": parts["high"], "seeds": parts["paired_seeds"].astype(int),
            "users": parts["users"].astype(int),
            "verdict": [_verdict(*each) for each in zip(parts["difference"], parts["p_holm"], strict=True)],
            "parameters saved": (whole["parameters"] - parts["parameters"]).astype(int),
        }
    ).reset_index(drop=True)  # fmt: skip


def whole_facts(found: pd.DataFrame) -> dict[str, float]:
    """What is known of the whole configuration: trial, mean, sd, seeds, parameters; an unknown one is NaN."""
    wide = _wide(found[found["part"] == ""])
    return wide.loc[_WHOLE].to_dict() if _WHOLE in wide.index else {}


def slices_table(found: pd.DataFrame, part: str) -> pd.DataFrame:
    """What a part is worth to each slice: slice, users, difference, low, high, in the order they were written."""
    rows = found[(found["subject"] == part) & (found["part"] != "")]
    if rows.empty:
        return pd.DataFrame()
    wide = rows.pivot(index="part", columns="name", values="value").reindex(rows["part"].unique())
    wide = wide.reindex(columns=["users", "difference", "low", "high"]).astype({"users": int})
    return wide.rename_axis(index="slice", columns=None).reset_index()


def shares_table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a modality: modality, share, low, high, percent of what the whole has more than Popularity.

    Args:
        found: the findings on the topic `shapley`.
    """
    rows = found[found["subject"] != _SUBSET]
    if rows.empty:
        return pd.DataFrame()
    wide = _wide(rows).reindex(columns=["share", "low", "high"])
    total = wide["share"].sum()
    return pd.DataFrame(
        {
            "modality": [TITLES.get(each, each) for each in wide.index],
            **{name: wide[name].to_numpy() for name in wide},
            "percent": wide["share"].to_numpy() / total * 100 if total > 0 else float("nan"),
        }
    )


def subsets_table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a subset of the modalities: modalities in words, mean of the metric."""
    rows = found[found["subject"] == _SUBSET]
    names = [
        "none: Popularity" if each == _NONE else ", ".join(TITLES.get(one, one) for one in each.split("+"))
        for each in rows["part"]
    ]
    return pd.DataFrame({"modalities": names, "mean": rows["value"].to_numpy()})


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a subject, one column a name; those that every ablation has are there, empty if need be."""
    wide = rows.pivot(index="subject", columns="name", values="value").reindex(rows["subject"].unique())
    missing = [name for name in ("sd", "low", "high", "p_holm") if name not in wide]
    return wide.assign(**dict.fromkeys(missing, float("nan")))


def _verdict(difference: float, p_holm: float) -> str:
    if not p_holm <= ALPHA:
        return UNTOLD
    return EARNS if difference < 0 else COSTS
