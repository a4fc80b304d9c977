"""What the parameters have to do with the value: importance, parallel coordinates, slices, contour."""

import pandas as pd
import streamlit as st

from dashboard import data, space
from dashboard.charts import contour as contours
from dashboard.charts import parallel, search_space
from dashboard.charts import slices as panels
from dashboard.labels import metric_label, plain
from dashboard.sampling import best_and_spread, sentence
from dashboard.selection import choose, choose_several, switch
from dashboard.views.compare_trials import all_trials, in_states
from dashboard.widgets import chart, nothing

MAX_AXES, DEFAULT_AXES = 14, 9
MAX_SLICES, DEFAULT_SLICES = 12, 6


def parameters(url: str, study: dict) -> None:
    """Importance by each evaluator, and all trials in parallel coordinates."""
    label = metric_label(study["objective"], study["mask_seen"])
    st.subheader("Importance of parameters", anchor=False)
    _importance(url, study["study_name"], label)
    st.subheader("Parallel coordinates", anchor=False)
    trials, frame = _varied(url, study)
    if frame.empty:
        return
    axes = choose_several("Parameters", "axes", list(frame), list(frame)[:DEFAULT_AXES], MAX_AXES)
    kinds = space.kinds(study["spec"], frame)
    drag = switch("Drag to filter", "drag", help="All trials, drawn by the graphics card; slow where there is none")
    if drag:
        figure = parallel.filtered_by_dragging(frame[axes], trials["value"], kinds, label, study["direction"])
        said = f"{len(trials):,} trials with a value; drag along an axis to filter"
    else:
        shown = best_and_spread(trials["value"], parallel.MAX_LINES, study["direction"])
        figure = parallel.lines(frame.loc[shown, axes], trials.loc[shown], kinds, label, study["direction"])
        said = sentence(len(shown), len(trials))
    chart(figure, "parallel-coordinates", f"Parameters of each trial and its {label}")
    st.caption(f"{said}. Colour and last axis: {plain(label)}.")


def slices(url: str, study: dict) -> None:
    """The value against one parameter at a time."""
    trials, frame = _varied(url, study)
    if frame.empty:
        return
    label = metric_label(study["objective"], study["mask_seen"])
    wanted = choose_several("Parameters", "slices", list(frame), list(frame)[:DEFAULT_SLICES], MAX_SLICES)
    if not wanted:
        nothing("No parameter is chosen.", "Choose some to see the value against them.")
        return
    shown = _shown(trials, panels.most_trials(len(wanted)), study["direction"])
    kinds = space.kinds(study["spec"], frame)
    chart(panels.slices(frame.loc[shown, wanted], trials.loc[shown], kinds, label), "slices", f"{label} by parameter")
    st.caption(
        f"{sentence(len(shown), len(trials))}. Upwards: {plain(label)}, {plain(study['direction'])}. Later trials are "
        "amber: where amber gathers, the sampler has gone to look. A pruned trial, a cross, has the value of an early "
        "epoch."
    )


def contour(url: str, study: dict) -> None:
    """The value over two parameters."""
    trials, frame = _varied(url, study)
    if len(frame.columns) < 2:
        if len(frame.columns):
            nothing("Only one parameter varies.", "Two are needed here; the slices show the one.")
        return
    left, right = st.columns(2)
    with left:
        x = choose(st.selectbox, "Across", "contour_x", list(frame), frame.columns[0])
    others = [name for name in frame if name != x]
    with right:
        y = choose(st.selectbox, "Upwards", "contour_y", others, others[0])
    label = metric_label(study["objective"], study["mask_seen"])
    kinds = space.kinds(study["spec"], frame)
    shown = _shown(trials, contours.MAX_DOTS, study["direction"])
    figure, has_surface = contours.contour(frame[[x, y]], trials, kinds, label, study["direction"], shown)
    chart(figure, "contour", f"{label} over {x} and {y}")
    if has_surface:
        st.caption(
            "Surface: the mean of the complete trials around each place, blank where none is near. It takes these two "
            "parameters alone and averages over the others, so it shows where to look and not what will come. Dots: "
            f"{sentence(len(shown), len(trials))}. Crosses are pruned ones, with the value of an early epoch."
        )
    else:
        nothing(
            f"The complete trials are at fewer than {contours.FEWEST_POINTS} different places of these two parameters: "
            "only the trials are shown.",
            "A surface between so few would be made up.",
        )


def _shown(trials: pd.DataFrame, limit: int, direction: str) -> pd.Index:
    """The trials that get a dot: all where they are few or asked for, else the best and a sample of the rest."""
    return trials.index if all_trials(len(trials), limit) else best_and_spread(trials["value"], limit, direction)


def _varied(url: str, study: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials with a value in the chosen states, and their parameters that vary, the most important first."""
    trials = in_states(data.trials(url, study["study_name"]))
    trials = trials[trials["value"].notna()].reset_index(drop=True)
    frame = data.parameters(trials)
    important = data.importances(url, study["study_name"]).groupby("parameter")["value"].mean()
    varied = [name for name in frame if frame[name].nunique() > 1]
    if not varied:
        nothing("Nothing to compare yet.", "Two trials that differ in a parameter and have a value are needed.")
    return trials, frame[sorted(varied, key=lambda name: -important.get(name, 0.0))]


def _importance(url: str, study_name: str, label: str) -> None:
    found = data.importances(url, study_name)
    if found.empty:
        nothing("No importance of parameters yet.", "A search computes it once enough of its trials are complete.")
        return
    chart(search_space.importance(found, label), "importance", "Importance of each parameter by each evaluator")
    names = " and ".join(plain(name) for name in sorted(found["evaluator"].unique()))
    st.caption(f"Evaluated by {names}. Evaluators can disagree, above all on few trials.")
