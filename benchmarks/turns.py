"""Training in turns: a worker that trains so many steps when it is told to and waits in between.

Standard library only, since it also runs in the environment of what we compare with.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


class Channel:
    """JSON lines with whoever started this process; what libraries print goes to standard error instead."""

    def __init__(self):
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def receive(self) -> Any:
        """The next message; the process ends where there will be none."""
        line = sys.stdin.readline()
        if not line:
            raise SystemExit
        return json.loads(line)

    def send(self, message: Any) -> None:
        """Answer with one line."""
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()


class Turns:
    """Halts a training loop between steps, from inside `optimizer`: whatever the loop does is on the clock.

    Each message received names `steps`; each answer says how many samples they held and what they took.
    `prepare` is given the message before a turn begins, off the clock.
    """

    def __init__(
        self,
        channel: Channel,
        optimizer: Any,
        sample_count: int,
        batch_size: int,
        prepare: Callable[[Any], None] = lambda message: None,
    ):
        self._channel = channel
        self._prepare = prepare
        self._step_sizes = [min(batch_size, sample_count - start) for start in range(0, sample_count, batch_size)]
        self._step = 0
        optimizer.register_step_post_hook(lambda *_: self._after_step())
        self._wait()

    def _wait(self) -> None:
        message = self._channel.receive()
        self._prepare(message)
        self._steps_left, self._samples = message["steps"], 0
        self._started, self._cpu_started = time.perf_counter(), time.process_time()

    def _after_step(self) -> None:
        self._samples += self._step_sizes[self._step % len(self._step_sizes)]
        self._step += 1
        self._steps_left -= 1
        if not self._steps_left:
            seconds, cpu_seconds = time.perf_counter() - self._started, time.process_time() - self._cpu_started
            self._channel.send({"samples": self._samples, "seconds": seconds, "cpu_seconds": cpu_seconds})
            self._wait()
