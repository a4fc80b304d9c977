"""What a study has found: the best trials, their summary and their export."""
