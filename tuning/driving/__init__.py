"""Ray Tune at work on a study's trials, and what is shown and logged meanwhile."""
