"""Items as HTML, whatever their titles hold."""

from html.parser import HTMLParser

import pandas as pd

from dashboard import cards

HOSTILE = "<script>alert(1)</script> \" onmouseover='x' **b** $x$"
ITEMS = pd.DataFrame(
    {"title": ["Pan", HOSTILE, "Lid"], "categories": [["Kitchen"], ["<b>bold</b>"], []], "image": ["a.jpg", "", ""]},
    index=["a", "b", "c"],
)


class Reader(HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self, source: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], set(), []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def picture(image: str) -> str:
    return f"data:image/jpeg;base64,{image}"


def test_a_history_shows_titles_days_and_the_time_between(monkeypatch):
    page = Reader(cards.history(["a", "c"], [0, 90 * 86400], "b", ITEMS, picture))
    assert {"Pan", "Lid", "1970-01-01", "1970-04-01", "3 mo", "target", HOSTILE} <= set(page.text)
    assert "img" in page.tags


def test_a_long_gap_is_a_break():
    assert 'class="gap long"' in cards.history(["a", "c"], [0, 90 * 86400], None, ITEMS, picture)
    assert 'class="gap long"' not in cards.history(["a", "c"], [0, 60], None, ITEMS, picture)


def test_titles_and_categories_are_text_and_never_markup():
    shown = cards.history(["b"], [0], "b", ITEMS, picture)
    shown += cards.recommendations(["b"], [0.5], "b", {"b"}, {"b": [("3", 2, "#0072B2")]}, ITEMS, picture)
    page = Reader(shown)
    assert set(page.tags) <= {"style", "div", "span", "img"}
    assert page.attributes <= {"class", "title", "style", "src", "alt"}


def test_a_list_marks_the_target_what_was_seen_and_where_else_an_item_is():
    shown = cards.recommendations(["c", "a"], [2.0, 1.0], "a", {"c"}, {"a": [("7", 3, "#0072B2")]}, ITEMS, picture)
    assert shown.count('class="row target"') == 1
    assert shown.index(">Lid<") < shown.index('class="row target"') < shown.index(">Pan<")
    assert shown.count("in the history") == 1
    assert "7: 3" in shown
    assert 'title="trial 7, rank 3"' in shown


def test_an_item_in_several_lists_is_marked_in_all_of_them_and_no_other():
    linked = cards.link([["a", "b"], ["b", "c"], ["c", "b"], ["a2"]])
    assert linked == {"b": 0, "c": 1}
    shown = cards.recommendations(["a", "b"], [2.0, 1.0], "a", set(), {}, ITEMS, picture, linked)
    assert shown.count("same-") == 1 and 'class="row same-0"' in shown
    assert 'class="card target same-1"' in cards.history(["a"], [0], "c", ITEMS, picture, linked=linked)
    style = cards.link_style(linked)
    assert ".same-0:hover" in style and ".same-1:hover" in style and Reader(style).tags == ["style"]


def test_the_time_to_the_target_is_shown_where_it_is_known():
    assert "next" in Reader(cards.history(["a"], [0], "b", ITEMS, picture)).text
    known = Reader(cards.history(["a"], [0], "b", ITEMS, picture, target_gap_seconds=7200)).text
    assert "2 h" in known and "next" not in known


def test_an_empty_history_is_only_the_target():
    assert "target" in Reader(cards.history([], [], "a", ITEMS, picture)).text
