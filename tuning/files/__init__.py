"""A study's files under its storage path: written, named, kept and deleted."""
