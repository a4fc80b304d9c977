"""From flags to what a search is going to do; what can be wrong is found here, before anything is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athwe.config import Config
from athwe.config_files import load_config, model_asked_for, published_config
from athwe.data import Dataset, load_dataset
from athwe.errors import AthweError
from athwe.model.registry import modalities_for
from tuning.errors import SearchError
from tuning.nodes.provenance import git_sha, hardware, package_versions
from tuning.planning.inert import inert_parameters, labelled_items
from tuning.planning.spec import SearchSettings, Spec, read_settings
from tuning.store import Store

DEFAULT_DATASET = "demo"
PATHS = ("config", "search_space", "dataset_root")
STUDY_FLAGS = (
    *("dataset", "model", *PATHS, "set", "trials", "epochs", "time_budget", "trial_timeout"),
    *("also_maximize", "also_minimize", "least_worst_slice"),
    *("concurrency", "cpus_per_trial", "gpus_per_trial", "sampler", "pruner", "audit_share", "alpha", "seed"),
    *("keep_models", "disk_budget", "most_memory_gigabytes", "most_train_seconds", "log_to"),
)
"""Flags that say what a study is; they are stored, so that `--resume --study NAME` needs no other."""


@dataclass(frozen=True)
class Plan:
    """What to search on what, before it is known where it runs."""

    config: Config
    settings: SearchSettings
    dataset: Dataset
    """Sealed."""
    flags: Mapping[str, Any]

    def spec(self, study: str, concurrency: int, gpus_per_trial: float, cpus_per_trial: int = 1) -> Spec:
        """The resolved spec, with where and with what it runs."""
        return Spec(
            study=study,
            dataset=self.dataset.name,
            data_fingerprint=self.dataset.fingerprint,
            config=self.config,
            settings=self.settings,
            published=self.settings.space.of(published_config(self.config.model)),
            concurrency=concurrency,
            cpus_per_trial=cpus_per_trial,
            gpus_per_trial=gpus_per_trial,
            time_budget_seconds=self.flags.get("time_budget"),
            trial_timeout_seconds=self.flags.get("trial_timeout"),
            disk_budget_bytes=self.flags.get("disk_budget"),
            flags=dict(self.flags),
            git_sha=git_sha(),
            versions=package_versions(),
            hardware=hardware(),
        )


def make_plan(flags: Mapping[str, Any]) -> Plan:
    """Lay the flags over settings file and configuration, and fit the space to the data set.

    Raises:
        AthweError: a key, value, file, data set or search space that cannot be used.
    """
    name = flags.get("dataset") or DEFAULT_DATASET
    files, given = flags.get("config", ()), [*flags.get("set", ())]
    if flags.get("model"):
        given.insert(0, f"model={flags['model']}")
    model = model_asked_for(name, files=files, overrides=given)
    settings = read_settings(flags.get("search_space"), model).with_flags(flags)
    overrides = [*settings.config_overrides(), *given]
    overrides += [f"{key}={flags[key]}" for key in ("epochs", "seed") if flags.get(key) is not None]
    config = load_config(name, files=files, overrides=overrides)
    settings.space.check(config)
    settings.pruner.require_users(config.valid_key)
    dataset = load_dataset(name, flags.get("dataset_root"), config).sealed()  # nothing of a search can read test
    modalities_for(config, dataset)  # refuses here what every trial would fail for
    space = settings.space.without(inert_parameters(config, dataset, settings.space.root.keys()))
    space = space.with_n_clusters_at_most(labelled_items(dataset)).including(config)
    space.check(config)
    if not space.root and settings.trials > 1:
        raise SearchError(
            f"nothing is searched of {config.model} on {name}, and {settings.trials} trials of the same are asked for: "
            "give --trials 1, or another --search-space"
        )
    _require_enough_items(config, dataset)
    return Plan(config, settings.model_copy(update={"space": space}), dataset, flags)


def _require_enough_items(config: Config, dataset: Dataset) -> None:
    """Trial 0 is the configuration at hand, so it must be one that can run."""
    most = labelled_items(dataset)
    if dataset.features and config.wants_clusters and config.n_clusters > most:
        raise SearchError(
            f"n_clusters {config.n_clusters} is above the {most} items with features in {dataset.name}: "
            f"give --set n_clusters={max(2, most // 10)}"
        )


def earlier_studies(store: Store, name: str | None, dataset: str | None) -> list[dict[str, Any]]:
    """The studies that may be meant: the one named, or the unfinished ones (of that data set), newest first.

    Raises:
        SearchError: there is none.
    """
    if name is None:
        frame = store.studies()  # newest first
        unfinished = frame["ended_at"].isna() & frame["dataset"].isin([dataset] if dataset else frame["dataset"])
        names = frame.loc[unfinished, "study_name"].tolist()
        if not names:
            raise SearchError(f"no unfinished study{f' of {dataset}' if dataset else ''} in this store to resume")
    else:
        names = [name]
    rows = [row for each in names if (row := store.study(each)) is not None]
    if not rows:
        raise SearchError(f"no study {name!r} in this store to resume; without --resume it is started")
    return rows


def matching_study(
    rows: Sequence[dict[str, Any]], given: Mapping[str, Any], is_taken: Callable[[str], bool] | None = None
) -> tuple[dict[str, Any], Plan]:
    """The first of these studies that the flags given do not contradict, with its plan.

    Args:
        is_taken: whether another driver works on a study, which is passed over then.

    Raises:
        AthweError: there is none; why the first one does not do: its difference, or that its data set or files cannot
            be used any more.
    """
    refusal: AthweError | None = None
    taken: list[str] = []
    for row in rows:
        try:
            plan = make_plan(row["spec"]["flags"] | given)
            require_same_study(row, plan.spec(row["study_name"], 1, 0))
        except AthweError as error:
            refusal = refusal or error
            continue
        if is_taken is None or not is_taken(row["study_name"]):
            return row, plan
        taken.append(row["study_name"])
    if taken:
        raise SearchError(
            f"every unfinished study of this spec has a driver at work ({', '.join(taken)}): wait for its end, "
            "or leave out --resume for a new study"
        )
    raise refusal or SearchError("no study to resume")


def require_same_study(row: Mapping[str, Any], spec: Spec) -> None:
    """A study is resumed as it was asked for, or not at all.

    Raises:
        SearchError: the first difference.
    """
    stored = Spec.model_validate(row["spec"])
    difference = stored.difference(spec)
    if difference and stored.difference(spec.model_copy(update={"data_fingerprint": stored.data_fingerprint})) is None:
        raise SearchError(
            f"study {spec.study!r} was made on other data ({difference}): give the same data by --dataset-root, or "
            "another --study"
        )
    if difference:
        raise SearchError(f"study {spec.study!r} has another spec ({difference}): give its flags, or another --study")
