"""The tie set of a stored study from the per-user files of its trials, and what is kept and said of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored_search import create, make_spec

from tuning.files.results import final_results_name, recommendations_name, replicate_name
from tuning.files.storage import Storage
from tuning.findings.ties import find_ties, save_ties, tie_lines
from tuning.planning.spec import Spec
from tuning.schema import COMPLETE, PRUNED
from tuning.store import Store

USERS = 400


@pytest.fixture
def spec(store: Store) -> Spec:
    spec = make_spec()
    create(store, spec)
    return spec


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.at(str(tmp_path / "files"))


def ranks_of(seed: int, shift: float = 0.0) -> np.ndarray:
    """Ranks that users have mostly in common; higher is worse."""
    common, own = np.random.default_rng(0).standard_normal(USERS), np.random.default_rng(seed).standard_normal(USERS)
    return np.exp(2 + common + 0.5 * own + shift).astype(np.int64) + 1


def write(storage: Storage, name: str, ranks: np.ndarray, users: str = "u", mask_seen: str = "false") -> None:
    tokens = [f"{users}{number:04d}" for number in range(len(ranks))]
    table = pa.table({"user": tokens, "target_rank": ranks, "items": [["i"]] * len(ranks)})
    path = Path(storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"mask_seen": mask_seen}), path)


def save(store: Store, number: int, value: float, state: str = COMPLETE) -> str:
    trial_id = f"study.{number}"
    row = {"study_name": "study", "number": number, "state": state, "value": value, "params_json": "{}"}
    store.save_trial({"trial_id": trial_id} | row)
    return trial_id


def four_trials(store: Store, storage: Storage) -> None:
    """Trials 0 to 2 are alike, 3 is far worse, 4 was pruned."""
    for number, shift in enumerate((0, 0, 0, 3)):
        write(storage, recommendations_name(save(store, number, 0.5 - shift / 10)), ranks_of(number + 1, shift))
    save(store, 4, 0.9, PRUNED)


def test_trials_that_are_alike_tie_and_the_summary_says_so(store: Store, spec: Spec, storage: Storage):
    four_trials(store, storage)
    found = save_ties(store, spec, storage)
    assert found is not None and {trial["trial"] for trial in found.tied} == {0, 1, 2}
    assert [trial["trial"] for trial in found.trials][-1] == 3 and found.users == USERS
    best = found.trials[0]
    kept = store.findings("study", "ties")
    mine = kept[kept["subject"] == "study.3"].set_index("name")["value"]
    assert mine["tied"] == 0 and mine["difference"] == pytest.approx(found.trials[-1]["difference"]) and mine["low"] < 0
    others = ", ".join(str(number) for number in (0, 1, 2) if number != best["trial"])
    lines = tie_lines(store, spec)
    assert lines[0] == (
        f"2 of 4 trials cannot be told from the best (trial {best['trial']}) over 400 users: trials {others}"
    )
    assert lines[1].startswith(f"picking the best of 4 overstates its valid/ndcg@10 by about {found.optimism:.4f}")
    save(store, 5, 0.7)
    assert tie_lines(store, spec) == [], "what is kept says nothing of a trial that ended since"


def test_what_cannot_be_compared_is_left_out_with_the_reason(store: Store, spec: Spec, storage: Storage):
    four_trials(store, storage)
    write(storage, recommendations_name(save(store, 5, 0.1)), ranks_of(9), users="other")
    write(storage, recommendations_name(save(store, 6, 0.1)), ranks_of(9), mask_seen="true")
    save(store, 7, 0.1)
    Path(storage.path(recommendations_name(save(store, 8, 0.1)))).write_text("no parquet")
    found = find_ties(store.trials("study"), spec, storage)
    assert found is not None and len(found.trials) == 4 and set(found.left_out) == {5, 6, 7, 8}
    assert "users that are not" in found.left_out[5] and "mask_seen true" in found.left_out[6]
    assert found.left_out[7] == "it has no per-user results" and "cannot be read" in found.left_out[8]


def test_further_seeds_tell_again_from_means_over_seeds(store: Store, spec: Spec, storage: Storage):
    four_trials(store, storage)
    for number in range(3):
        for seed in (1, 2):
            shift = 2.0 if number == 1 else 0.0  # its own run was luck
            write(
                storage,
                final_results_name(replicate_name(f"study.{number}", seed)),
                ranks_of(10 * number + seed, shift),
            )
    found = save_ties(store, spec, storage)
    assert found is not None and found.over_seeds is not None
    again = {trial["trial"]: trial for trial in found.over_seeds.trials}
    assert set(again) == {0, 1, 2} and {number for number, one in again.items() if one["tied"]} == {0, 2}
    assert again[0]["seeds"] == 2 and again[0]["sd"] >= 0
    kept = store.findings("study", "ties")
    assert set(kept[kept["part"] == "seeds"]["subject"]) == {f"study.{number}" for number in range(3)}


def test_of_two_bests_that_are_equal_the_earlier_trial_is_named(store: Store, spec: Spec, storage: Storage):
    for number in (2, 10):
        write(storage, recommendations_name(save(store, number, 0.5)), ranks_of(1))
    found = save_ties(store, spec, storage)
    assert found is not None and [trial["trial"] for trial in found.trials] == [2, 10]
    assert tie_lines(store, spec)[0].endswith("the best (trial 2) over 400 users: trial 10"), (
        "not 10 as in the alphabet"
    )


def test_a_damaged_run_on_a_further_seed_is_named_with_its_remedy(store: Store, spec: Spec, storage: Storage):
    four_trials(store, storage)
    for number, seed in ((0, 1), (0, 2), (1, 1), (1, 2)):
        write(storage, final_results_name(replicate_name(f"study.{number}", seed)), ranks_of(10 * number + seed))
    for seed in (2, 3):
        Path(storage.path(final_results_name(replicate_name("study.1", seed)))).write_text("no parquet")
    found = find_ties(store.trials("study"), spec, storage)
    assert found is not None and found.over_seeds is not None
    assert {trial["trial"]: trial["seeds"] for trial in found.over_seeds.trials} == {0: 2, 1: 1}
    [(number, why)] = found.over_seeds.left_out.items()
    assert number == 1 and all(f"delete replicates/study.1.seed-{seed}.parquet" in why for seed in (2, 3))


def test_nothing_is_told_of_an_objective_that_is_no_mean_over_users_or_of_no_trial(store: Store, storage: Storage):
    spec = make_spec()
    create(store, spec)
    assert save_ties(store, spec, storage) is None and tie_lines(store, spec) == []
