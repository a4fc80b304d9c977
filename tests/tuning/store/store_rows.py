"""Rows of a study and its trials."""

from tuning import schema

STUDY = {
    "study_name": "demo-1",
    "dataset": "demo",
    "objective": "valid/ndcg@10",
    "direction": "maximize",
    "mask_seen": False,
    "spec_json": '{"trials": 4}',
    "trials_asked": 4,
    "data_fingerprint": "abc",
    "storage_path": "/nowhere",
}


def trial(number: int, **values) -> dict:
    first = {"trial_id": f"demo-1.{number}", "study_name": "demo-1", "number": number, "params_json": '{"beta": 0.2}'}
    return first | {"state": schema.RUNNING} | values
