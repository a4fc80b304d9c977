"""What a plan says of a study before anything runs."""

from pathlib import Path

from tiny_search import write_tiny

from tuning.planning.plan import make_plan


def test_the_spec_holds_the_published_values_of_what_is_searched_beside_trial_0(tmp_path: Path):
    write_tiny(tmp_path)
    plan = make_plan({"dataset": "tiny", "dataset_root": str(tmp_path), "set": ["beta=0.4", "n_clusters=2"]})
    spec = plan.spec("s", concurrency=1, gpus_per_trial=0)
    assert spec.published.keys() == spec.settings.space.root.keys()
    assert (spec.published["beta"], spec.config.beta) == (0.2, 0.4)
