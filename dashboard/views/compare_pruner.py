"""Was early stopping safe? What became of trials that the pruner gave up and that were finished all the same."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.charts import pruner as charts
from dashboard.charts.history import continued_by
from dashboard.labels import metric_label, plain
from dashboard.widgets import chart, nothing, table
from tuning import schema

FEWEST = 3
"""Audited trials from which on they are said to say something."""
SAFE, UNSAFE, UNKNOWN = "was safe", "was not safe", "cannot be judged"
_LOOKS = {SAFE: st.success, UNSAFE: st.warning, UNKNOWN: st.info}


def show(url: str, study: dict) -> None:
    """Verdict, figures by rung, and the trials that were audited."""
    trials = data.trials(url, study["study_name"])
    found = data.pruner_audit(url, study["study_name"])
    verdicts = given_up(trials)
    if _pruner(study["spec"]) == "none" and verdicts.empty:
        nothing("This search has no pruner.", "Every trial went to its end; --pruner asha stops early.")
        return
    label = metric_label(study["objective"], study["mask_seen"])
    if rule := racing_rule(study["spec"], label):
        st.caption(plain(rule))
    audited = audited_table(trials, label, study["direction"])
    if found.empty:
        many = len(audited) or "none"
        so_far = f"it gave up {_count(len(verdicts))}, and {many} of them went on all the same, to audit it."
        nothing(f"There is no audit of this search's pruner; {so_far}", "A search computes it when it ends.")
    else:
        whole = found[found["epoch"] == 0].set_index("name")["value"].to_dict()
        kind, sentence = verdict(whole, len(verdicts), label)
        _LOOKS[kind](f"**Early stopping {kind}.** {plain(sentence)}", icon=":material/content_cut:")
        _rungs(rung_table(found))
    st.subheader("Audited trials", anchor=False)
    if audited.empty:
        nothing("No trial was audited.", "--audit-share 0.05 finishes some of those that the pruner gives up.")
        return
    table(audited, "audited", height="content", column_config={
        label: st.column_config.NumberColumn(format="%.5f", help="At the trial's best epoch, after the verdict too"),
        "better by": st.column_config.NumberColumn(
            format="%.5f", help="Than the best COMPLETE trial that the pruner did not give up; below 0 it is worse"
        ),
    })  # fmt: skip


def given_up(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that the pruner gave up, audited or not, but for those that go on under another number.

    A store of an older search has no verdicts: there a pruned trial was given up, unless it was over a limit.
    """
    pruned = (trials["state"] == schema.PRUNED) & (trials["reason"] != schema.OVER_LIMIT)
    mine = trials["pruned_epoch"].notna() | pruned
    return trials[mine & ~trials["number"].isin(continued_by(trials))]


def verdict(whole: Mapping[str, float], verdicts: int, label: str) -> tuple[str, str]:
    """What the audit of a whole study says: SAFE, UNSAFE or UNKNOWN, and why in a sentence.

    Args:
        whole: `audited`, `audited_better` and, where there is something to compare, `regret`.
        verdicts: trials that were given up.
        label: the objective in words.
    """
    audited, better = int(whole.get("audited", 0)), int(whole.get("audited_better", 0))
    if not verdicts:
        return UNKNOWN, "The pruner gave up no trial, so nothing was stopped early."
    text = f"The pruner gave up {_count(verdicts)}, and {audited or 'none'} of them finished all the same."
    if not audited:
        return UNKNOWN, f"{text} Nothing is known of what they would have become."
    if "regret" not in whole:
        return UNKNOWN, f"{text} No other trial was finished: there is nothing to compare them with."
    if better:
        gain = f"by up to {whole['regret']:.5f} {label} (the regret)"
        return UNSAFE, f"{text} {better} of these ended better than the best that was not given up, {gain}."
    none = "None ended better than the best that was not given up (regret 0)"
    if audited < FEWEST:
        return UNKNOWN, f"{text} {none}, but so few say little."
    return SAFE, f"{text} {none}, as far as {audited} trials can tell."


def rung_table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a rung: epoch, trials, rank correlation, and what it means."""
    rungs = found[found["epoch"] > 0].pivot(index="epoch", columns="name", values="value")
    rungs = rungs.reindex(columns=["trials", "rank_correlation"]).rename_axis(columns=None).reset_index()
    rungs["trials"] = rungs["trials"].fillna(0).astype(int)
    rungs["meaning"] = [
        _meaning(trials, value) for trials, value in zip(rungs["trials"], rungs["rank_correlation"], strict=True)
    ]
    return rungs.rename(columns={"rank_correlation": "rank correlation"})


def audited_table(trials: pd.DataFrame, label: str, direction: str) -> pd.DataFrame:
    """The trials that went on against the verdict: number, its epoch, state, value, gain on the best kept, outcome."""
    rows = given_up(trials)
    rows = rows[rows["state"] != schema.PRUNED]
    kept = trials[(trials["state"] == schema.COMPLETE) & trials["pruned_epoch"].isna()]["value"]
    best = kept.max() if direction == "maximize" else kept.min()
    gain = (rows["value"] - best) * (1 if direction == "maximize" else -1)
    gain = gain.where(rows["state"] == schema.COMPLETE)
    outcomes = [_outcome(*row) for row in zip(rows["state"], rows["reason"], gain, strict=True)]
    return pd.DataFrame(
        {
            "trial": rows["number"], "given up at epoch": rows["pruned_epoch"].astype("Int64"), "state": rows["state"],
            label: rows["value"], "better by": gain, "outcome": pd.Series(outcomes, index=rows.index, dtype=object),
        }
    )  # fmt: skip


def _rungs(rungs: pd.DataFrame) -> None:
    st.subheader("How well early epochs foretell the end", anchor=False)
    if rungs.empty:
        nothing("No rung has been reached.", "The pruner looks at its first one after pruner.grace_epochs.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        table(rungs, "rungs", height="content", column_config={
            "rank correlation": st.column_config.NumberColumn(format="%.2f", help="Spearman's, from -1 to 1"),
            "trials": st.column_config.NumberColumn(help="With a value there and finished, audited ones included"),
        })  # fmt: skip
        st.caption("1: the order of the trials at this epoch is the final one. 0: it says nothing about it.")
    with right:
        if rungs["rank correlation"].notna().any():
            chart(charts.rank_correlations(rungs), "rungs", "Rank correlation of each rung with the end")


def _meaning(trials: int, value: float) -> str:
    if pd.isna(value):
        return "too few trials to say" if trials < FEWEST else "all values are the same"
    steps = ((0.8, "foretells the end well"), (0.5, "foretells it roughly"), (0.2, "foretells it hardly"))
    few = "; few trials" if trials < 10 else ""
    return next((words for least, words in steps if value >= least), "foretells nothing") + few


def _outcome(state: str, reason: str | None, gain: float) -> str:
    if state == schema.RUNNING:
        return "still running"
    if state != schema.COMPLETE:
        return f"did not finish: {reason or state.lower()}"
    if pd.isna(gain):
        return "nothing to compare with"
    return "the verdict was wrong: it ended better than any that was kept" if gain > 0 else "the verdict was right"


def _pruner(spec: dict) -> str | None:
    settings = spec.get("settings", {})
    return settings.get("pruner", {}).get("name")


def racing_rule(spec: dict, label: str) -> str | None:
    """What `--pruner racing` does, in words; None for another pruner."""
    if _pruner(spec) != "racing":
        return None
    pruner, epochs = spec["settings"]["pruner"], spec["config"]["epochs"]
    first = min(pruner["grace_epochs"] or max(1, epochs // 5), epochs)
    return (
        f"Racing: after every epoch from {first} on, a trial is given up if {label} of the same users (at most "
        f"{pruner['race_users']}) is confidently below that of the best trial after as many epochs. A trial "
        f"truly no worse than any other is given up with a probability of at most {pruner['alpha']:g} in all epochs."
    )


def _count(trials: int) -> str:
    return f"{trials} trial{'s' * (trials != 1)}"
