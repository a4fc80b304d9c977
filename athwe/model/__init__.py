"""ATHWE as equations in PyTorch. Modules hold parameters only; what is known of the items comes in as a `Catalogue`."""
