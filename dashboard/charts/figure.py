"""What all charts share: size, legend, colours of a scale."""

import plotly.graph_objects as go

SCALE = ("#2F6DB5", "#8FA9BF", "#F0A202")
"""From low to high: blue to amber, readable on white and on black and without telling red from green."""

HEIGHT = 360


def finish(figure: go.Figure, height: int = HEIGHT, margin: dict | None = None) -> go.Figure:
    """Give a figure its height in pixels, margins and a legend above it."""
    figure.update_layout(
        height=height,
        margin=margin or {"l": 10, "r": 10, "t": 50, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        uirevision="keep",  # zoom and hidden lines outlive a refresh
    )
    return figure
