"""How much of the machines one trial gets."""
