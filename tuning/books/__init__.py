"""What the one driver of a study knows and writes down, in the store and in Optuna's tables."""
