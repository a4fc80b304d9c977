"""Fetch public sources and catalogue images over HTTP."""
