from athwe.training.early_stopping import EarlyStopping


def run(values, **rule):
    stopping = EarlyStopping(**rule)
    for epoch, value in enumerate(values, start=1):
        stopping = stopping.after(epoch, value)
        if stopping.should_stop:
            break
    return stopping, epoch


def test_training_stops_after_patience_without_improvement():
    stopping, epoch = run([0.1, 0.3, 0.2, 0.3, 0.9], patience=2, bigger_is_better=True)
    assert (epoch, stopping.best_epoch, stopping.best_value) == (4, 2, 0.3)


def test_an_improvement_starts_the_wait_anew():
    stopping, epoch = run([0.3, 0.2, 0.4, 0.1, 0.5], patience=2, bigger_is_better=True)
    assert (epoch, stopping.best_epoch) == (5, 5)


def test_the_direction_is_data():
    stopping, _ = run([3.0, 1.0, 2.0], patience=5, bigger_is_better=False)
    assert (stopping.best_epoch, stopping.best_value) == (2, 1.0)
