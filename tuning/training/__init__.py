"""One trial in its worker process: trained, watched, and how it ended."""
