"""The page: a study and a view of it. Streamlit runs this file from its top for every visitor and every change."""

import shlex
from importlib import import_module

import streamlit as st

from dashboard import commands, data
from dashboard.labels import plain
from dashboard.selection import choose, ignored
from dashboard.widgets import nothing
from tuning.connection import OlderStoreError, has_password, url_to_type
from tuning.store import DEFAULT_URL, StoreError

# Their modules, imported when they are first shown: the page opens a quarter of a second sooner.
VIEWS = {"studies": "studies", "compare": "compare", "trial": "trial", "evaluation": "evaluation", "users": "user"}
COMMANDS = "python tuning/search.py --dataset demo\nstreamlit run dashboard/app.py -- --store URL"
ICONS = {"studies": "science", "compare": "monitoring", "trial": "tune", "evaluation": "fact_check", "users": "group"}


def main() -> None:
    """Choose a study and a view, and show it."""
    st.set_page_config("ATHWE search", "🌊", layout="wide", initial_sidebar_state="expanded")
    st.html("<style>.stMainBlockContainer { padding: 3rem 2.5rem; }</style>")
    url = data.store_url()
    try:
        names = data.studies(url)["study_name"].tolist()
        if names:
            _page(url, names)
        else:
            nothing("The store has no studies yet.", "Start one: python tuning/search.py --dataset demo")
    except OlderStoreError as error:
        st.error(plain(error), icon=":material/database_off:")
        st.write("This page only reads. Once no search writes to it any more, this takes the store forward:")
        st.code(commands.of_store("studies.py", url, "list"), language="shell", wrap_lines=True)
    except StoreError as error:
        st.error(plain(error), icon=":material/database_off:")
        st.write("Start a search, or name the store of one:")
        st.code(COMMANDS, language="shell")


def _page(url: str, names: list[str]) -> None:
    with st.sidebar:
        st.markdown("### :material/waves: ATHWE search")
        ignored("study", names)
        ignored("view", list(VIEWS))
        study_name = choose(st.selectbox, "Study", "study", names, names[0])
        view = choose(
            st.radio, "View", "view", list(VIEWS), "studies",
            format_func=lambda name: f":material/{ICONS[name]}: {name.capitalize()}",
        )  # fmt: skip
        every = data.study_refresh_seconds(url, study_name)
        st.fragment(run_every=every)(_status)(url, study_name, every)
    st.title(view.capitalize(), anchor=False)
    import_module(f"dashboard.views.{VIEWS[view]}").show(url, study_name)


def _status(url: str, study_name: str, every: float | None) -> None:
    """Whether the search is at work; sets the clocks of the whole page anew when that changes, or when it has grown."""
    study = data.study(url, study_name)
    if data.refresh_seconds(study, len(data.trials(url, study_name))) != every:
        st.rerun()
    state = data.activity(study)
    if state == data.ACTIVE:
        st.badge("running, this page follows", icon=":material/sync:", color="green")
    elif state == data.SILENT:
        st.badge("silent", icon=":material/question_mark:", color="orange")
        st.caption("The search neither ended nor gave a sign of life. If it was stopped, it goes on with")
        command = f"python tuning/search.py --study {study_name} --resume"
        if url != DEFAULT_URL:
            command += f" --store {shlex.quote(url_to_type(url))}"
        st.code(command, language="shell", wrap_lines=True)
        if has_password(url):
            st.caption("The store's password is left out: have it in `PGPASSWORD` or `~/.pgpass`.")
    else:
        st.badge("ended", icon=":material/check:", color="gray")


main()
