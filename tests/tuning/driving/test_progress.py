from rich.console import Console

from tuning.books.record import TrialRecord
from tuning.driving.progress import Progress, trial_line
from tuning.schema import COMPLETE, FAIL, INVALID, PRUNED, RUNNING, WORKER_LOST
from tuning.store import now

RECORDS = [
    TrialRecord(0, {}, COMPLETE, best_value=0.25, best_epoch=3, epoch=4),
    TrialRecord(1, {}, FAIL, INVALID),
    TrialRecord(2, {}, PRUNED, best_value=0.125, best_epoch=1, epoch=1),
    TrialRecord(3, {}, FAIL, WORKER_LOST, best_value=0.9),
    TrialRecord(4, {}, RUNNING, retry_of=3, epoch=2, value=0.2, best_value=0.2, best_epoch=2),
]


def progress(console: Console, maximize: bool = True) -> Progress:
    return Progress(console, "study", "valid/ndcg@10", maximize, trials=8, epochs=4)


def test_the_headline_counts_what_was_asked_for():
    text = str(progress(Console()).headline(RECORDS))
    assert text.startswith("study: 2/8 trials (1 running, 1 complete, 1 pruned) · best valid/ndcg@10 0.2500 · 0:0")


def test_the_time_left_is_told_once_an_epoch_was_seen():
    shown = Progress(Console(), "study", "valid/ndcg@10", True, trials=3, epochs=4)
    running = TrialRecord(0, {}, RUNNING, epoch=0, started_at=now())
    shown._pace.see([running], 0.0)
    assert "left" not in str(shown.headline([running]))
    running.epoch = 1
    shown._pace.see([running], 60.0)
    assert str(shown.headline([running])).endswith(" · about 11 min left")  # 3 epochs of it and 4 of each other
    ended = [TrialRecord(number, {}, COMPLETE, epoch=4) for number in range(3)]
    assert "left" not in str(shown.headline(ended))


def test_no_more_time_is_left_than_the_budget_has():
    shown = Progress(Console(), "study", "valid/ndcg@10", True, 3, 4, time_budget_seconds=300)
    for epoch, at in ((0, 0.0), (1, 60.0)):
        shown._pace.see([TrialRecord(0, {}, RUNNING, epoch=epoch, started_at=now())], at)
    assert str(shown.headline([])).endswith(" · about 5 min left")


def test_the_best_follows_the_direction():
    assert "best valid/ndcg@10 0.1250" in str(progress(Console(), maximize=False).headline(RECORDS))


def test_the_table_shows_the_trials_at_work():
    console = Console(width=100, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(progress(console).table(dict(enumerate(RECORDS))))
    text = console.export_text()
    assert "2/4" in text and "0.2000 (epoch 2)" in text


def test_without_a_terminal_a_line_is_printed_for_each_ending(capsys):
    shown = progress(Console(force_terminal=False, width=200))
    with shown:
        shown.trial_ended(RECORDS[0])
    assert capsys.readouterr().out == "trial 0 COMPLETE after 4 epochs, valid/ndcg@10 0.2500 in epoch 3\n"


def test_a_failure_is_told_by_its_last_line():
    record = TrialRecord(5, {}, FAIL, "exception", error="Traceback\n  somewhere\nValueError: [no]")
    assert trial_line(record, "valid/ndcg@10") == "trial 5 FAIL (exception) after 0 epochs: ValueError: [no]"
