"""Scripts that are named with the page: those of its elements and what they import, which the page does not name."""

from dashboard import preload


def test_what_an_element_imports_is_named_once_and_what_the_page_names_is_not(tmp_path):
    folder = tmp_path / "static" / "js"
    folder.mkdir(parents=True)
    (tmp_path / "index.html").write_text('<script src="./static/js/index.a1.js"></script>')
    (folder / "index.a1.js").write_text("")
    (folder / "Table.b2.js").write_text('import{a}from"./grid.c3.js";import"./index.a1.js";import("./Map.d4.js")')
    (folder / "Metric.e5.js").write_text('import{b as c}from"./grid.c3.js"')
    (folder / "grid.c3.js").write_text('import"./Table.b2.js"')
    (folder / "Map.d4.js").write_text("")
    found = preload.scripts(folder, ("Table", "Metric", "of another version"))
    assert sorted(found) == ["Metric.e5.js", "Table.b2.js", "grid.c3.js"]


def test_this_streamlit_has_these_elements_and_they_need_no_chart():
    names = {name.partition(".")[0] for name in preload.scripts(preload.SCRIPTS, preload.NEEDED)}
    assert set(preload.NEEDED) <= names and "PlotlyChart" not in names


def test_the_header_names_them_below_the_page():
    name, value = preload.header()
    assert name == "link" and "<./static/js/DataFrame." in value
    assert value.count("rel=modulepreload") == value.count("<")
