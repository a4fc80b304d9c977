import csv
import io
from pathlib import Path

import pytest
import yaml
from stored_search import OBJECTIVE, create, make_spec, rising, search

from athwe.config import Config
from athwe.config_files import load_config, override_config
from tuning.errors import SearchError
from tuning.findings.export import best_config, config_yaml, csv_text, trial_rows, write_whole
from tuning.planning.spec import Spec
from tuning.schema import FAIL, INVALID
from tuning.store import Store


def table(store: Store) -> list[dict[str, str]]:
    """The export as a reader of CSV finds it."""
    return list(csv.DictReader(io.StringIO(csv_text(*trial_rows(store, "study")), newline="")))


def test_a_trial_is_a_row_with_its_values_and_parameters(store: Store):
    search(store, make_spec(), [rising(0.9), rising(0.45)])
    first, pruned = table(store)
    assert list(first) == [
        *("number", "state", "reason", "retry_of", "pruned_epoch", "best_epoch", "epochs", "seconds"),
        *(OBJECTIVE, "parameters", "train_seconds", "beta", "hidden_act"),
    ]
    assert float(first[OBJECTIVE]) == rising(0.9)[-1]  # in full
    expected = {"number": "1", "state": "PRUNED", "reason": "", "pruned_epoch": "1", "epochs": "1", "beta": "0.01"}
    assert expected.items() <= pruned.items()
    assert {"seconds": "2.0", "train_seconds": "2.0", "parameters": "101"}.items() <= pruned.items()


def test_a_trial_that_never_ran_has_empty_cells(store: Store):
    create(store, make_spec())
    trial = {"trial_id": "study.0", "study_name": "study", "number": 0, "params_json": '{"beta": 0.5}'}
    store.save_trial(trial | {"state": FAIL, "reason": INVALID})
    (row,) = table(store)
    assert row == {
        **dict.fromkeys(("retry_of", "pruned_epoch", "best_epoch", "seconds", OBJECTIVE), ""),
        **{"number": "0", "state": FAIL, "reason": INVALID, "epochs": "0", "beta": "0.5"},
    }


def test_no_column_of_ours_is_named_like_a_parameter_that_is_searched():
    from tuning.planning.space import _FIXED_FOR_A_STUDY

    ours = {"number", "state", "reason", "retry_of", "pruned_epoch", "best_epoch", "epochs", "seconds"}
    assert not (ours | {"parameters", "train_seconds"}) & (Config.model_fields.keys() - _FIXED_FOR_A_STUDY)


def test_lines_end_and_are_quoted_as_the_standard_has_it():
    assert csv_text(["a", "b"], [{"a": 'say "no"', "b": "x,y"}, {"a": "two\nlines"}]) == (
        'a,b\r\n"say ""no""","x,y"\r\n"two\nlines",\r\n'
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1"])
def test_a_text_is_not_made_a_formula(text: str):
    (row,) = list(csv.reader(io.StringIO(csv_text(["a"], [{"a": text}]), newline="")))[1:]
    assert row == ["'" + text]


@pytest.mark.parametrize(
    ("value", "cell"), [(-0.5, "-0.5"), (1e-7, "1e-07"), (-3, "-3"), (True, "true"), (None, '""'), ("gelu", "gelu")]
)
def test_a_number_stays_a_number(value: object, cell: str):
    assert csv_text(["a"], [{"a": value}]) == f"a\r\n{cell}\r\n"


def test_a_parameter_that_looks_like_a_formula_is_made_harmless(store: Store):
    create(store, make_spec())
    trial = {"trial_id": "study.0", "study_name": "study", "number": 0, "state": FAIL}
    store.save_trial(trial | {"params_json": '{"hidden_act": "=cmd()", "beta": -1.5}'})
    (row,) = table(store)
    assert (row["hidden_act"], row["beta"]) == ("'=cmd()", "-1.5")


@pytest.mark.parametrize(("bigger", "number"), [(True, 1), (False, 0)])
def test_the_best_configuration_is_a_complete_trials_by_the_direction(store: Store, bigger: bool, number: int):
    spec = make_spec(pruner={"name": "none"})
    spec = spec.model_copy(update={"config": override_config(spec.config, {"valid_metric_bigger": bigger})})
    search(store, spec, [rising(0.1), rising(0.9), rising(0.5)])
    found, config = best_config(spec, store)
    assert (found, config) == (number, override_config(spec.config, store.trials("study")["params"][number]))


def test_without_a_complete_trial_there_is_no_best_one(store: Store):
    create(store, make_spec())
    with pytest.raises(SearchError, match="has no complete trial"):
        best_config(make_spec(), store)


@pytest.mark.parametrize("dataset", ["tiny", "demo", "Home_and_Kitchen"])
def test_the_file_gives_the_same_configuration_whatever_lies_under_it(dataset: str, tmp_path: Path):
    odd = {"learning_rate": 1e-5, "time_scale": 1e16, "modalities": ["txt"], "wavelet_J": 0, "cluster_components": None}
    at_hand = load_config(dataset)
    config = override_config(at_hand, odd | {"hidden_act": "relu", "beta": 0.1})
    spec = Spec.model_validate(make_spec().model_dump() | {"config": at_hand, "dataset": dataset})
    write_whole(tmp_path / "best.yaml", config_yaml(spec, 3, config))
    for other in ("tiny", "demo", "Home_and_Kitchen"):
        assert load_config(other, files=[tmp_path / "best.yaml"]) == config


def test_the_file_names_what_was_searched_first():
    text = config_yaml(make_spec(), 3, make_spec().config)
    assert text.startswith(
        "# Trial 3 of study on tiny, the best by valid/ndcg@10. What was searched:\nhidden_act: gelu\n"
    )
    assert yaml.safe_load(text).keys() == Config.model_fields.keys()


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(SearchError, match="cannot write .*folder: Is a directory"):
        write_whole(tmp_path / "folder", "text")
    with pytest.raises(SearchError, match="cannot write /proc/none/file"):
        write_whole(Path("/proc/none/file"), "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
