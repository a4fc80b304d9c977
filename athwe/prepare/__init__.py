"""From raw sources to a data set folder that `athwe.data` reads."""
