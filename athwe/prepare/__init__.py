"""From raw sources to a data set folder, `python -m athwe.prepare`: each source is a stream, the rest one pipeline."""
