"""What a command says where the user has erred."""

import pytest
import ray


def require_one_line(capsys: pytest.CaptureFixture, message: str) -> str:
    """Nothing on standard output, the message in one line on the other, which is given, and Ray was not started."""
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ") and output.err.count("\n") == 1
    assert message in output.err
    assert not ray.is_initialized()
    return output.err
