"""What in a report deserves a look: one sentence each, with its number and what to do."""

from collections.abc import Iterator

from athwe.data.report.facts import DataReport
from athwe.data.report.levels import ENOUGH
from athwe.data.report.words import duration, number, share

MUCH = 0.5
"""Share of the gaps in the shortest or the last bucket from which on it is said."""
SOME = 0.05
OTHERS = 0.2
"""Share of the gaps before validation targets in the proposal's last bucket from which on it is warned of."""
BETTER = 1.5
"""Times as many effective buckets from which on the proposal is said to be better."""


def findings(report: DataReport) -> list[str]:
    """Nothing to say is an empty list."""
    return [*_of_time(report), *_of_split(report), *_of_rows(report), *_of_model(report)]


def _of_time(report: DataReport) -> Iterator[str]:
    use, proposed = report.buckets, report.proposed_buckets
    if proposed is None:
        yield "no training gap is longer than 0 s: time tells the model nothing here"
        return
    if use.shortest - report.equal_times > SOME or use.shortest > MUCH:
        yield (
            f"time_scale {use.time_scale:,.0f}: {share(use.shortest)} of the training gaps fall into bucket 0, the "
            f"same as no gap at all ({share(report.equal_times)} of all gaps are 0 s)"
        )
    if use.saturated > SOME:
        yield f"{share(use.saturated)} of the training gaps fall into the last time bucket and look the same"
    if proposed.effective > BETTER * use.effective:
        yield (
            f"the time buckets tell training gaps apart as well as {use.effective:.1f} evenly filled ones would, those "
            f"of the proposal as {proposed.effective:.1f}"
        )
    if report.saturated_in_validation[-1] > OTHERS:
        same = share(report.saturated_in_validation[-1])
        yield (
            f"under the proposal {same} of the gaps before validation targets look the same: they are longer "
            "than those that training has; a larger time_scale tells more of them apart"
        )
    if report.equal_times > SOME:
        step = report.time_step_seconds
        grain = f" (times are multiples of {duration(step)})" if step > 1 else ""
        yield (
            f"{share(report.equal_times)} of the interactions are at the very time of the one before{grain}: "
            "the order of the file decides what comes first"
        )


def _of_split(report: DataReport) -> Iterator[str]:
    if report.after_test.median > SOME:
        yield (
            f"leave-one-out leaks time: {share(report.after_test.median)} of the training targets are later than the "
            "median test target; split: time trains on nothing later"
        )
    fewest = min(report.targets[split] for split in ("valid", "test"))
    if fewest < 500:
        yield f"only {fewest:,} users are validated or tested on: only large differences between models can be told"
    if report.unseen_targets["test"] > SOME:
        yield f"{share(report.unseen_targets['test'])} of the test targets are items that training does not have"


def _of_rows(report: DataReport) -> Iterator[str]:
    if report.duplicates:
        yield f"{report.duplicates:,} interactions repeat another one's user, item and time: remove them from the file"
    if report.targets_in_history["test"] > SOME:
        yield (
            f"{share(report.targets_in_history['test'])} of the test targets were in their history before: a model can "
            "repeat what it saw; say so, or compare with mask_seen: true"
        )
    lost = 1 - report.kept.interactions / report.in_file.interactions
    if lost > MUCH:
        yield f"filtering drops {share(lost)} of the interactions: see user_inter_num_interval, item_inter_num_interval"


def _of_model(report: DataReport) -> Iterator[str]:
    for one in report.coverage:
        if one.width and one.items < 1 - SOME:
            none, by_use = share(1 - one.items), share(1 - one.interactions)
            yield f"{none} of the items, with {by_use} of the interactions, have no {one.name} features"
    if report.cut_histories["test"] > SOME:
        yield (
            f"{share(report.cut_histories['test'])} of the test histories are longer than MAX_ITEM_LIST_LENGTH "
            f"{report.max_length} and are cut"
        )
    proposed = report.proposed["wavelet_J"]
    if report.wavelet_J > proposed:
        first = report.levels[int(proposed)]
        yield (
            f"wavelet_J {report.wavelet_J}: from level {first.level} on, under {share(ENOUGH)} of the training "
            f"histories are long enough ({number(first.needed_items)} items) for a coefficient that sees no end"
        )
