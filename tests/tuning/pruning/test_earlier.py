"""The pruner of a resumed study starts from what earlier drivers heard."""

import optuna
from tiny_search import OBJECTIVE, epoch, run

from tuning.books.journal import Journal
from tuning.pruning.earlier import reports_of
from tuning.schema import CANCELLED, COMPLETE, FAIL, PRUNED
from tuning.store import Store
from tuning.training.endings import Ending


def test_reports_come_in_the_order_they_were_heard_in(journal: Journal, study: optuna.Study, store: Store):
    first, second = run(journal, study, 0.1), run(journal, study, 0.2)
    cut_off = run(journal, study, 0.3)
    journal.reported(first, epoch(2, 0.4, 2, 0.4))
    journal.ended(second, Ending(PRUNED))
    journal.ended(first, Ending(COMPLETE))
    journal.ended(cut_off, Ending(FAIL, CANCELLED, "interrupted"))
    found = [(report.number, report.epoch, report.value) for report in reports_of(store, "s", OBJECTIVE)]
    assert found == [(first, 1, 0.1), (second, 1, 0.2), (cut_off, 1, 0.3), (first, 2, 0.4)]


def test_a_study_without_epochs_has_no_reports(store: Store):
    assert reports_of(store, "s", OBJECTIVE) == []
