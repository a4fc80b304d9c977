"""The best trials retrained on fresh seeds, and their looks at the test split."""
