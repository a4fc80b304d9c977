"""Charts: pure functions from a frame to a figure. What a chart shows is decided here, what it is given elsewhere."""
