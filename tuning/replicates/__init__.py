"""Trials that tie with the best, trained on further seeds."""
