"""Nothing but our own output: `be_quiet` before Ray is imported for the first time, `silence_loggers` after."""

import logging
import os
import warnings

_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's own tables
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",  # nobody else on this machine may talk to our Ray
    "RAY_LOG_TO_DRIVER_EVENT_LEVEL": "FATAL",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the store holds what these would write
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # epochs that eval_step skips have no objective
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours, `run.py`
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # an epoch in flight does not hold up the end of a search
}


def be_quiet() -> None:
    """Silence Ray and Python's warnings in this process and in those it starts."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")


def silence_loggers() -> None:
    """Ray and Optuna set the levels of their loggers when they are imported; this sets them again."""
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("optuna", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
