"""How numbers of a table are written."""

import pandas as pd

from dashboard.widgets import number_formats


def test_large_numbers_are_written_whole_and_small_ones_with_a_few_digits():
    frame = pd.DataFrame({"trial": [0, 1], "parameters": [1_582_867.0, None], "seconds": [96.48, 9_000.5]})
    frame["layers"] = [1.0, 4.0]
    assert number_formats(frame, 4) == {"parameters": "%.0f", "seconds": "%.4g", "layers": "%.4g"}
