"""What a search is going to do: its settings, its space, its limits; known before anything is written."""
