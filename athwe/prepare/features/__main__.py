"""`python -m athwe.prepare.features NAME`: the command `features` of `athwe.prepare` by itself."""

import logging
import sys

from rich.console import Console
from rich.logging import RichHandler

from athwe.command_line import INTERRUPTED, USER_ERROR, Parser
from athwe.errors import AthweError
from athwe.prepare.features.command import add_features_command, run_features_command


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    handler = RichHandler(console=Console(), show_path=False, show_time=False)
    handler.addFilter(logging.Filter("athwe"))  # not what libraries log of their downloads
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    parser = Parser(prog="python -m athwe.prepare.features", description="Make text and image features of items.")
    add_features_command(parser)
    try:
        run_features_command(parser.parse_args(arguments))
    except AthweError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        print(f"error: cannot write the features: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped; what is encoded is kept, the same command goes on from there", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
