"""Which trials cannot be told from the best of the study, by their own runs and by runs on further seeds."""

import pandas as pd
import streamlit as st

from dashboard import commands, data
from dashboard.charts import ties as charts
from dashboard.labels import metric_label, plain
from dashboard.ties import SEEDS, study_facts, ties_table, told
from dashboard.widgets import chart, nothing, table
from tuning import schema

_SCRIPT = "ties.py"
_NUMBERS = {
    "trial": "trial", "seeds": "seeds", "mean": "mean", "sd": "sd", "difference": "to the best", "low": "from",
    "high": "to", "p_adjusted": "adjusted p", "tied": "tied",
}  # fmt: skip
_SIGNED = st.column_config.NumberColumn(format="%+.5f")
_PLAIN = st.column_config.NumberColumn(format="%.5f")
_FORMATS = dict.fromkeys(("to the best", "from", "to"), _SIGNED) | {"sd": _PLAIN, "adjusted p": _PLAIN}
_MOST_SHOWN = 10
"""Rows of a table; of more the rest is scrolled to."""


def show(url: str, study: dict, trials: pd.DataFrame) -> None:
    """The section of the page."""
    st.subheader("Ties", anchor=False, help="Trials whose distance to the best may be chance, on validation")
    found = data.findings(url, study["study_name"], "ties")
    own, facts = ties_table(found, trials), study_facts(found)
    if len(own) < 2:
        _nothing_compared(url, study, trials)
        return
    label = metric_label(study["objective"], study["mask_seen"])
    st.markdown(plain(told(own)))
    _part(own, label, facts, "ties", f"Difference of each trial to the best in {label}")
    overstated = f"Picking the best of {len(own)} overstates its {label} by about {facts['optimism']:.5f}. "
    st.caption(plain(
        f"{overstated}The test is paired over {facts['users']:,.0f} users and corrected for all trials "
        f"({100 * facts['alpha']:g} %); an interval stands for itself. Each trial is one run: what another "
        "seed would change is not in it."
    ))  # fmt: skip
    _since(url, study, trials, facts)
    seeds = ties_table(found, trials, SEEDS)
    if seeds.empty:
        if own["tied"].sum() > 1:
            st.caption("This trains the tied trials on further seeds, for validation, and compares them again:")
            _command(url, study, "--replicate-ties", "3")
        return
    st.markdown(plain(f"On further seeds: {told(seeds)}"))
    _part(seeds, label, facts, "ties-seeds", f"Difference of each trial to the best in {label}, on further seeds")
    st.caption("Means over the seeds; users and seeds are both taken as random. The runs above are not among them.")


def _part(frame: pd.DataFrame, label: str, facts: dict[str, float], key: str, alt: str) -> None:
    chart(charts.differences(frame, label, 1 - facts["alpha"]), key, alt)
    shown = frame[list(_NUMBERS)].rename(columns=_NUMBERS | {"mean": label})
    if frame["sd"].isna().all():
        shown = shown.drop(columns=["sd", "seeds"])
    settings = {"height": "content"} if len(shown) <= _MOST_SHOWN else {}
    table(shown, key, column_config=_FORMATS | {label: _PLAIN}, **settings)


def _nothing_compared(url: str, study: dict, trials: pd.DataFrame) -> None:
    if _complete(trials) < 2:
        nothing("Fewer than two trials of this study are COMPLETE.", "Two are what it takes to compare.")
        return
    nothing("It is not known which trials tie with the best.", "A search finds it out at its end, and so does this:")
    _command(url, study)


def _since(url: str, study: dict, trials: pd.DataFrame, facts: dict[str, float]) -> None:
    """Whether trials have come to their end that are not in the comparison."""
    more = _complete(trials) - int(facts["complete"])
    if more > 0:
        count = "1 trial has come to its" if more == 1 else f"{more} trials have come to their"
        nothing(f"{count} end since this was found out.", "This compares all of them:")
        _command(url, study)


def _complete(trials: pd.DataFrame) -> int:
    return int(((trials["state"] == schema.COMPLETE) & trials["value"].notna()).sum())


def _command(url: str, study: dict, *flags: str) -> None:
    command = commands.of_study(_SCRIPT, url, study["study_name"], *flags)
    st.code(command, language="shell", wrap_lines=True)
