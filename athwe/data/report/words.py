"""Numbers as people read them."""

from datetime import UTC, datetime

_UNITS = (("years", 31_557_600), ("days", 86_400), ("h", 3_600), ("min", 60))


def duration(seconds: float | int) -> str:
    """A time in its largest fitting unit.

    >>> duration(0), duration(42), duration(5400), duration(86400), duration(40_000_000)
    ('0 s', '42 s', '1.5 h', '1 day', '1.3 years')
    """
    for name, size in _UNITS:
        if seconds >= size:
            number = f"{seconds / size:.3g}" if seconds < 100 * size else f"{seconds / size:,.0f}"
            number = f"{seconds / size:.2g}" if name == "years" else number
            return f"{number} {name.removesuffix('s') if number == '1' else name}"
    return f"{seconds:.3g} s"


def share(value: float | int) -> str:
    """A share in per cent; never rounded to none or all where it is neither.

    >>> [share(each) for each in (0, 0.0004, 0.034, 0.5, 0.99999, 1)]
    ['0 %', '0.04 %', '3.4 %', '50 %', 'over 99.9 %', '100 %']
    """
    if value in (0, 1):
        return f"{value:.0%}".replace("%", " %")
    if value < 0.0001:
        return "under 0.01 %"
    if value > 0.999:
        return "over 99.9 %"
    return f"{100 * value:.3g} %" if value > 0.99 else f"{100 * value:.2g} %"


def number(value: float | int) -> str:
    """A count, or a mean of counts.

    >>> number(1349), number(12.5274), number(7.0)
    ('1,349', '12.5', '7')
    """
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.1f}"


def day(seconds: float | int) -> str:
    """The day of a unix time.

    >>> day(0)
    '1970-01-01'
    """
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def yaml_number(value: float | int) -> str:
    """A number as a config file has it.

    >>> yaml_number(7_000_000.0), yaml_number(0.5), yaml_number(2)
    ('7000000', '0.5', '2')
    """
    return str(int(value)) if float(value).is_integer() else repr(value)
