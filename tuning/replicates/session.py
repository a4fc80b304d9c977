"""Train the trials of a tie set on further seeds, as far as they have no results of them."""

import argparse
from typing import Any

from rich.console import Console

from athwe.model_keys import COUNTED
from tuning.console import say
from tuning.errors import SearchError
from tuning.files.results import replicate_seeds
from tuning.finals.finalists import choose, further_seeds
from tuning.finals.on_validation import looking_into, run_on_validation
from tuning.findings.ties import Ties
from tuning.nodes.job import require_unrecorded_password
from tuning.quiet import ConsoleLog, silence_loggers
from tuning.replicates.runs import ReplicateRun, missing_replicates
from tuning.stored.data import StoredStudy


def replicate(
    study: StoredStudy, found: Ties, arguments: argparse.Namespace, console: Console, log: ConsoleLog
) -> list[dict[str, Any]]:
    """Run what is missing of the tied trials' runs on `arguments.replicate_ties` seeds each; gives the failures.

    Raises:
        AthweError, StoreError: what the user can mend.
        KeyboardInterrupt: Ctrl-C; runs that came to their end are kept.
    """
    silence_loggers()
    require_unrecorded_password(arguments.store, arguments.address)
    spec, tied = study.spec, [trial["trial"] for trial in found.tied]
    if spec.config.model in COUNTED:
        raise SearchError(f"{spec.config.model} is the same for every seed: there is nothing to replicate")
    if len(tied) < 2:
        text = f"trial {tied[0]} ties with no other trial: nothing is trained again"
        say(console, text)
        return []
    trials = choose(study.trials, spec.direction == "maximize", 0, tied)
    seeds = further_seeds(spec.config.seed, arguments.replicate_ties)

    def missing() -> list[ReplicateRun]:
        with looking_into(study.storage):
            done = replicate_seeds(study.storage, [trial.trial_id for trial in trials])
        return missing_replicates(trials, seeds, done)

    if not missing():
        return []
    dataset = study.load_dataset(arguments.dataset_root).sealed()
    failed = run_on_validation(study, dataset, missing, spec.config.epochs, arguments, console, log)
    return [
        {"trial": one.run.finalist.number, "seed": one.run.seed, "reason": one.reason, "error": one.error}
        for one in failed
    ]
