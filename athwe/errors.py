"""One error tree. Every message is one line: what was expected, what came, where, and what to do."""

from collections.abc import Sequence

MOST_SHOWN = 200
"""Characters of what came that a message repeats."""


def shown(text: object) -> str:
    """What came, as far as a message has room for it.

    >>> len(shown("x" * 1000)), shown("'all of it'")
    (201, "'all of it'")
    """
    text = str(text)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def quoted(value: object) -> str:
    """A value as Python writes it, as far as a message has room for it.

    >>> quoted("a\\nb"), quoted(1 << 100_000)
    ("'a\\\\nb'", 'a very long int')
    """
    try:
        return shown(repr(value))
    except ValueError:  # more digits than Python writes out
        return f"a very long {type(value).__name__}"


class AthweError(Exception):
    """Something the user can mend. Command lines print it as one line and exit with code 2."""

    problems: Sequence[str] = ()
    """Where it is several things: each for a line of its own."""


class ConfigError(AthweError):
    """A configuration key or value that cannot be used."""


class DataError(AthweError):
    """A data set folder or file that does not keep the contract of `dataset/README.md`."""


class EncoderError(AthweError):
    """A text or image encoder that is not installed, cannot be loaded, or gives no usable features."""


class SealedError(AthweError):
    """A look at the test split of a data set that was sealed."""


class CheckpointError(AthweError):
    """A checkpoint folder that is missing, half-written or of another model."""


class DivergedError(AthweError):
    """A loss that is not finite any more.

    Attributes:
        epoch: 1-based epoch in which it happened.
        loss_part: name of the first loss part that was not finite, such as `item_contrast`.
    """

    def __init__(self, epoch: int, loss_part: str, value: float):
        super().__init__(
            f"training diverged: loss part '{loss_part}' is {value} in epoch {epoch}; "
            "lower learning_rate, raise its temperature or set clip_grad_norm"
        )
        self.epoch = epoch
        self.loss_part = loss_part
        self.value = value

    def __reduce__(self):
        """Travel between Ray processes: the constructor's arguments, not the message."""
        return DivergedError, (self.epoch, self.loss_part, self.value)
