"""Every view on what a real search, finalists and an ablation have written: nothing missing, everything to be kept."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "tuning"))

from search_process import ROOT, search, search_command, url
from tiny_search import write_tiny

pytestmark = pytest.mark.whole_path
COMPARE = ("overview", "curves", "parameters", "slices", "contour", "pareto", "pruner", "difference")
PAGES = [
    {"view": "studies"}, {"view": "trial"}, {"view": "users"}, {"view": "users", "split": "test"},
    *({"view": "compare", "section": section} for section in COMPARE),
    *({"view": "evaluation", "aspect": aspect} for aspect in ("cutoffs", "slices", "beyond", "ties", "ablation")),
]  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> str:
    """URL of the store."""
    root = tmp_path_factory.mktemp("searched")
    folder = root / "results"
    command = search_command(write_tiny(root / "datasets"), folder)
    flags = ("--trials", "6", "--epochs", "3", "--concurrency", "1", "--also-minimize", "train_seconds")
    done = search(command, *flags)
    assert done.returncode == 0, done.stderr
    for script, more in (("finalize.py", ("--top", "2", "--seeds", "1")), ("ablate.py", ("--parts", "txt", "wavelet"))):
        command = [sys.executable, f"tuning/{script}", "--study", "study", "--store", url(folder), *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr
    return url(folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: "-".join(page.values()))
def test_a_page_of_a_real_study_is_complete_and_all_of_it_can_be_kept(open_page, searched, page):
    app = open_page(searched, **page)
    looks = [text.value for text in app.warning]
    assert len(looks) == (page.get("split") == "test") and all("has looked at it 2 times" in text for text in looks)
    assert not app.error
    files = [button.proto.label for button in app.get("download_button")]
    lists = sum('class="list"' in element.proto.body for element in app.get("html"))  # a CSV each, too
    assert files.count("HTML") == len(app.get("plotly_chart")) and files.count("CSV") == len(app.dataframe) + lists
    assert files
