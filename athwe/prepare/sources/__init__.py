"""Raw sources, each a stream of reviews and of items (`athwe.prepare.records.Source`)."""
