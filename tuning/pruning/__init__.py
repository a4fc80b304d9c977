"""Early stopping: its rule, what it did in a study, and what another rule would have done."""
