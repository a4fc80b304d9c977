"""A report as titled tables of words: what text and HTML both show."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from athwe.data.report.facts import DataReport
from athwe.data.report.gaps import BucketUse
from athwe.data.report.words import day, duration, number, share, yaml_number

SPREAD = ("min", "5 %", "25 %", "median", "75 %", "95 %", "max", "mean")


class Section(NamedTuple):
    """A table; the first column of each row says what the others are."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def sections(report: DataReport) -> list[Section]:
    """In the order of reading."""
    return [_counts(report), _spreads(report), _split(report), _time(report), _levels(report), _coverage(report)]


def yaml_lines(report: DataReport) -> list[str]:
    """The proposal, to be pasted into `config/<name>.yaml`; each with what it is now."""
    now: Mapping[str, float | int] = {
        "time_scale": report.buckets.time_scale,
        "time_span": report.buckets.time_span,
        "wavelet_J": report.wavelet_J,
    }
    return [f"{key}: {yaml_number(value)} # now {yaml_number(now[key])}" for key, value in report.proposed.items()]


def _counts(report: DataReport) -> Section:
    kept, there = report.kept, report.in_file
    rows = [(name, f"{getattr(there, name):,}", f"{getattr(kept, name):,}") for name in kept._fields]
    rows += [
        ("sparsity", "", f"{100 * report.sparsity:.2f} %"),
        ("first to last", "", f"{day(report.first_second)} to {day(report.last_second)}"),
        ("same user, item and time again", "", f"{report.duplicates:,}"),
        ("item that the user had before", "", share(report.repeats)),
    ]
    return Section("Interactions", ("", "in the file", "after filtering"), tuple(rows))


def _spreads(report: DataReport) -> Section:
    def row(name: str, values: Mapping[str, float | int], say: Callable[[float | int], str]) -> tuple[str, ...]:
        return (name, *(say(values[column]) for column in SPREAD))

    rows = [
        row("interactions of a user", report.interactions_of_users, number),
        row("interactions of an item", report.interactions_of_items, number),
        *(row(f"history, {split}", values, number) for split, values in report.history_lengths.items()),
        *(row(f"time gap, {split}", values, duration) for split, values in report.gaps.items()),
    ]
    note = "A history is all before its target, uncut; a time gap is that between a target and the item before it."
    return Section("How they are spread", ("", *SPREAD), tuple(rows), note)


def _split(report: DataReport) -> Section:
    def row(name: str, values: Mapping[str, float | int], say: Callable[[float | int], str] = share) -> tuple[str, ...]:
        return (name, *map(say, values.values()))

    later = report.after_test
    rows = (
        row("targets", report.targets, number),
        row(f"history longer than {report.max_length}, so cut", report.cut_histories),
        row("target in its own history", report.targets_in_history),
        row("item that training does not have", report.unseen_targets),
        ("later than the earliest test target", share(later.earliest), "", ""),
        ("later than the median test target", share(later.median), "", ""),
        ("later than a test target, on average", share(later.pair), "", ""),
    )
    note = report.protocol + (f": {report.cut}" if report.cut else "")
    return Section("Split", ("", *report.targets), rows, note)


def _time(report: DataReport) -> Section:
    uses = [report.buckets, *([report.proposed_buckets] if report.proposed_buckets else [])]
    lines: tuple[tuple[str, Callable[[BucketUse], str]], ...] = (
        ("time_scale, time_span", lambda use: f"{yaml_number(use.time_scale)}, {use.time_span}"),
        ("buckets in use", lambda use: f"{use.used:,} of {use.time_span + 1:,}"),
        ("effective buckets", lambda use: f"{use.effective:.1f}"),
        ("training gaps in bucket 0", lambda use: share(use.shortest)),
        ("training gaps in the last bucket", lambda use: share(use.saturated)),
    )
    step = report.time_step_seconds
    note = "Effective: as many, evenly filled, would tell the training gaps apart as well. "
    note += f"{share(report.equal_times)} of all gaps are 0 s"
    note += f"; all are multiples of {duration(step)}." if step > 1 else "."
    rows = (
        *((name, *map(say, uses)) for name, say in lines),
        ("gaps before validation targets in the last bucket", *map(share, report.saturated_in_validation)),
    )
    return Section("Time buckets", ("", "configured", "proposed")[: 1 + len(uses)], rows, note)


def _levels(report: DataReport) -> Section:
    shown = report.levels[: max(report.wavelet_J, int(report.proposed["wavelet_J"]) + 1)]
    rows = tuple((str(one.level), f"{one.needed_items:,}", share(one.histories)) for one in shown)
    note = f"wavelet_J is {report.wavelet_J}. In a shorter history every coefficient of the level sees an end of it."
    return Section("Wavelet levels", ("level", "items needed", "training histories"), rows, note)


def _coverage(report: DataReport) -> Section:
    rows = tuple(
        (one.name, f"{one.width:,}" if one.width else "", share(one.items), share(one.interactions))
        for one in report.coverage
    )
    return Section("What items have", ("", "width", "of items", "of interactions"), rows)
