"""One search from its flags to its summary: asked for, opened, taken up again, run."""
