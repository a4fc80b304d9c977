"""Read YAML that anybody may have written: plain values, no aliases, no tags, a stated size."""

from typing import Any

import yaml

MOST_BYTES = 100_000
"""Size of a settings file; the published ones have 2,000 bytes."""


class PlainYamlError(ValueError):
    """Text that is no YAML, or not of the plain kind; the message is one line."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, a few lines of which stand for more values than there is memory, and tags.

        PyYAML looks up what stands behind a tag without looking at it first: `!!bool maybe` is a KeyError.
        """
        if self.check_event(yaml.AliasEvent):
            raise PlainYamlError("an alias such as *name is not taken; write the value out")
        if getattr(self.peek_event(), "tag", None) is not None:
            raise PlainYamlError("a tag such as !!bool is not taken; write the plain value")
        return super().compose_node(parent, index)


def parse_yaml(text: str) -> Any:
    """The value that a text stands for.

    Raises:
        PlainYamlError: no YAML, an alias, a tag, a value such as 2014-13-45, brackets nested too deep, or too long a
            text.
    """
    if len(text) > MOST_BYTES:
        raise PlainYamlError(f"it has more than the {MOST_BYTES:,} bytes that settings may have")
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise PlainYamlError(" ".join(str(error).split())) from None
    except RecursionError:
        raise PlainYamlError("its brackets are nested too deep") from None
    except (ValueError, OverflowError) as error:  # what PyYAML makes of impossible dates and endless numbers
        raise PlainYamlError(" ".join(str(error).split())) from None
