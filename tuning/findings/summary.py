"""What a search came to: the best trials, counts, importance, and what to type next."""

import json
import logging
import shlex
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import optuna
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState
from rich.console import Console
from rich.table import Table

from tuning.books.record import TrialRecord, best_trials
from tuning.connection import has_password, url_to_type
from tuning.console import say
from tuning.driving.progress import number_text
from tuning.findings.pareto import pareto_of
from tuning.findings.ties import tie_lines
from tuning.planning.spec import Spec
from tuning.pruning.audit import audit_lines, audit_of
from tuning.schema import FAIL, STATES
from tuning.store import DEFAULT_URL, Store

logger = logging.getLogger(__name__)

MIN_TRIALS_FOR_IMPORTANCE = 4
_OUTCOME = attrgetter("state", "best_value")
_SHOWN_TRIALS = 5
_SHOWN_CHANGES = 4
"""Of each trial but the best one, whose changes are all shown."""
_SHOWN_PARETO = 20
FANOVA, PED_ANOVA = "fANOVA", "PED-ANOVA"


def save_importances(store: Store, study: optuna.Study, seed: int) -> None:
    """Store each parameter's importance as two evaluators see it: they may disagree widely, so both are named."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < MIN_TRIALS_FOR_IMPORTANCE or len({trial.values[0] for trial in complete}) < 2:
        logger.info("parameter importance needs %d complete trials, not %d", MIN_TRIALS_FOR_IMPORTANCE, len(complete))
        return
    with warnings.catch_warnings(action="ignore"):  # PED-ANOVA is experimental
        evaluators = {FANOVA: FanovaImportanceEvaluator(seed=seed), PED_ANOVA: PedAnovaImportanceEvaluator()}
        for name, evaluator in evaluators.items():
            found = get_param_importances(study, evaluator=evaluator, target=_first_value)
            store.save_importance(study.study_name, name, found)


def _first_value(trial: optuna.trial.FrozenTrial) -> float:
    return trial.values[0]


def failures(records: Iterable[TrialRecord]) -> str:
    """Why trials failed, most frequent first: `3 diverged, 1 exception (…)`."""
    failed = [record for record in records if record.state == FAIL]
    errors = {record.reason: (record.error or "").strip().splitlines()[-1:] for record in failed}
    counts = Counter(record.reason for record in failed).most_common()
    return "; ".join(f"{count} {reason}: {' '.join(errors[reason])}" for reason, count in counts)


def json_line(
    spec_facts: Mapping[str, Any], records: Iterable[TrialRecord], maximize: bool, seconds: float, ended: bool
) -> str:
    """The one line of `--json`."""
    records = list(records)
    ranked = best_trials(records, maximize, _OUTCOME)
    best = ranked[0] if ranked else None
    counts = Counter(record.state for record in records)
    return json.dumps(
        {
            **spec_facts,
            "best_trial": best and best.number,
            "value": best and best.best_value,
            "best_epoch": best and best.best_epoch,
            "params": best and best.params,
            "counts": {state: counts[state] for state in STATES},
            "reasons": dict(Counter(record.reason for record in records if record.reason)),
            "seconds": round(seconds, 1),
            "ended": ended,
        }
    )


def print_summary(
    console: Console, records: Iterable[TrialRecord], objective: str, maximize: bool, importance: Sequence[str] = ()
) -> None:
    """A table of the best trials, and what they changed against the configuration that the search started from.

    Args:
        importance: parameters, the most important first, as changes are to be told.
    """
    records = list(records)
    ranked = best_trials(records, maximize, _OUTCOME)
    counts = Counter(f"{record.state}{f' ({record.reason})' if record.reason else ''}" for record in records)
    console.print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())), markup=False, highlight=False)
    if not ranked:
        return
    start = next((record.params for record in records if record.number == 0), {})
    table = Table(title="best trials", title_justify="left")
    for title in ("trial", objective, "best epoch", "seconds"):
        table.add_column(title, justify="right")
    table.add_column("against trial 0", overflow="fold")
    rank = {name: place for place, name in enumerate(importance)}
    for place, record in enumerate(ranked[:_SHOWN_TRIALS]):
        seconds = (record.ended_at - record.started_at).total_seconds() if record.started_at and record.ended_at else 0
        changed = [key for key, value in record.params.items() if value != start.get(key)]
        changed.sort(key=lambda key: rank.get(key, len(rank)))
        changes = [f"{key} {_short(record.params[key])}" for key in changed]
        if place and len(changes) > _SHOWN_CHANGES + 1:
            changes[_SHOWN_CHANGES:] = [f"{len(changes) - _SHOWN_CHANGES} more"]
        table.add_row(
            str(record.number),
            number_text(record.best_value),
            str(record.best_epoch or "–"),
            f"{seconds:.0f}",
            ", ".join(changes) or "the configuration at hand",
        )
    console.print(table)


def print_pareto(console: Console, points: Mapping[int, Mapping[str, float]], objectives: Mapping[str, str]) -> None:
    """A table of the Pareto set, where there are several objectives."""
    if not points:
        return
    table = Table(title="no other trial is better in all", title_justify="left")
    for title in ("trial", *(f"{name} {'↑' if way == 'maximize' else '↓'}" for name, way in objectives.items())):
        table.add_column(title, justify="right")
    for number, values in list(points.items())[:_SHOWN_PARETO]:
        table.add_row(str(number), *(_value_text(values[name]) for name in objectives))
    console.print(table)
    if len(points) > _SHOWN_PARETO:
        console.print(f"and {len(points) - _SHOWN_PARETO} more: --json names them all", markup=False, highlight=False)


def print_findings(console: Console, store: Store, spec: Spec) -> dict[str, Any]:
    """The Pareto set of several objectives, whether early stopping was safe, which trials tie with the best.

    Gives what `--json` says of it.
    """
    pareto = pareto_of(store, spec.study, spec.objectives)
    print_pareto(console, pareto, spec.objectives)
    found = audit_of(store, spec)
    pruner = spec.settings.pruner
    rule = [
        f"racing: over the same users (at most {pruner.race_users}), after every epoch, alpha {pruner.alpha:g} a trial"
    ]
    lines = (rule if pruner.name == "racing" else []) + audit_lines(found, spec.objective) if found else []
    for line in [*lines, *tie_lines(store, spec)]:
        say(console, line)
    points = [{"trial": number, "values": values} for number, values in pareto.items()]
    return {"pareto": points} if len(spec.objectives) > 1 else {}


def next_commands(store_url: str, study_name: str, *, is_stopped: bool, is_chosen_from: bool) -> list[str]:
    """What to type next, to be copied as it stands; a password of the store is left out, which a line says then.

    Args:
        store_url: as it was given.
        is_stopped: the search came to less than was asked for.
        is_chosen_from: it came to its end and has a COMPLETE trial, so that the best can be looked at on test.
    """
    at = "" if store_url == DEFAULT_URL else f" --store {shlex.quote(url_to_type(store_url))}"
    study = f"--study {shlex.quote(study_name)}{at}"
    lines = (
        ["# the store's password is left out: have it in PGPASSWORD or ~/.pgpass"] if has_password(store_url) else []
    )
    lines += [f"python tuning/search.py --resume {study}"] if is_stopped else []
    lines += ["streamlit run dashboard/app.py" + (f" --{at}" if at else "")]
    return [*lines, *([f"python tuning/finalize.py {study}"] if is_chosen_from else [])]


def _value_text(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.4f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
