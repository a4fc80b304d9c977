"""Full ranking, metrics over target ranks, and per-user results. Knows no model: it takes a scoring callable."""
