"""When to stop, as a pure rule."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class EarlyStopping:
    """What validation has shown so far. Give it each value with `after`; it never looks at the clock or the model."""

    patience: int
    """Validations in a row without improvement after which training stops."""
    bigger_is_better: bool
    best_value: float | None = None
    best_epoch: int | None = None
    waited: int = 0

    def after(self, epoch: int, value: float) -> "EarlyStopping":
        """The state after one more validation.

        >>> stopping = EarlyStopping(patience=2, bigger_is_better=True).after(1, 0.5).after(2, 0.4)
        >>> stopping.best_epoch, stopping.should_stop, stopping.after(3, 0.5).should_stop
        (1, False, True)
        """
        if self.best_value is None or (value > self.best_value if self.bigger_is_better else value < self.best_value):
            return replace(self, best_value=value, best_epoch=epoch, waited=0)
        return replace(self, waited=self.waited + 1)

    @property
    def should_stop(self) -> bool:
        """Whether patience has run out."""
        return self.waited >= self.patience
