"""Which parameters are tried next: Optuna's sampler, and what it is told of earlier trials."""
