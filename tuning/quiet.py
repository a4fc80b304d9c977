"""Nothing but our own output: `be_quiet` before Ray is imported for the first time, `silence_loggers` after."""

import logging
import os
import warnings

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from tuning.console import say

_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's own tables
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_LOG_TO_DRIVER_EVENT_LEVEL": "FATAL",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the store holds what these would write
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # epochs that eval_step skips have no objective
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours, `driving/run.py`
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Ray's own book of trials, which nothing reads: the store has all of it
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # an epoch in flight does not hold up the end of a search
}
_OWN_RAY = {"RAY_AUTH_MODE": "token"}  # nobody else on this machine may talk to it; a cluster has a mode of its own


def be_quiet(attaches: bool = False) -> None:
    """Silence Ray and Python's warnings in this process and in those it starts.

    Args:
        attaches: whether the Ray is a cluster that others have started.
    """
    for name, value in (_ENVIRONMENT | ({} if attaches else _OWN_RAY)).items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")


def silence_loggers() -> None:
    """Ray and Optuna set the levels of their loggers when they are imported; this sets them again."""
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("optuna", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)


class ConsoleLog(logging.Handler):
    """Shows the log through the console, so that it does not tear the live display.

    Lines wait until `open_up`, when it is certain that the search starts: an error is one line, and nothing before it.
    Until then a terminal shows that something is at work.
    """

    def __init__(self, console: Console):
        super().__init__(logging.INFO)
        self._console = console
        self._held: list[logging.LogRecord] | None = []
        # Standard output may be data for a program: unlike `console.status` it is left as it is.
        shown = Spinner("line", "getting ready")
        self._waiting = Live(shown, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        if console.is_terminal:
            self._waiting.start()
        self._loggers = [logging.getLogger(name) for name in ("athwe", "tuning")]
        for logger in self._loggers:
            logger.addHandler(self)
            logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line, or keep it for later."""
        if self._held is None:
            say(self._console, self.format(record), style="dim")
        else:
            self._held.append(record)

    def close(self) -> None:
        """Let go of the loggers."""
        self._waiting.stop()
        for logger in self._loggers:
            logger.removeHandler(self)
        super().close()

    def open_up(self) -> None:
        """Show what was held back, and from now on each line at once."""
        self._waiting.stop()
        held, self._held = self._held or [], None
        for record in held:
            self.emit(record)
