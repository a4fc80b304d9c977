"""What both sides of the comparison with RecBole are given, and the turns they train in."""

from athwe.config import Config
from benchmarks.sides import write_by_time
from benchmarks.turns import Turns


def test_the_copy_is_oldest_first_and_keeps_the_order_of_equal_times(tmp_path):
    source = tmp_path / "log.inter"
    source.write_text(
        "item_id:token\trating:float\tuser_id:token\ttimestamp:float\na\t1\tu\t30\nb\t1\tu\t9\nc\t1\tv\t9\n"
    )
    config = Config(USER_ID_FIELD="user_id", ITEM_ID_FIELD="item_id", TIME_FIELD="timestamp")
    write_by_time(source, tmp_path, "copy", config)
    header, *rows = (tmp_path / "copy" / "copy.inter").read_text().splitlines()
    assert header == "user_id:token\titem_id:token\ttimestamp:float"
    assert rows == ["u\tb\t9", "v\tc\t9", "u\ta\t30"]


class Loop:
    """An optimizer that can be hooked, and the other end of the channel."""

    def __init__(self, *steps: int):
        self.messages, self.answers = [{"steps": count} for count in steps], []

    def register_step_post_hook(self, hook):
        self.step = hook

    def receive(self):
        return self.messages.pop(0)

    def send(self, message):
        self.answers.append(message)


def test_a_turn_ends_after_its_steps_and_counts_the_short_last_batch_of_an_epoch():
    loop = Loop(2, 3, 1)
    Turns(loop, loop, sample_count=25, batch_size=10)  # steps of 10, 10, 5, 10, 10, …
    for _ in range(5):
        loop.step()
    assert [answer["samples"] for answer in loop.answers] == [20, 25]
