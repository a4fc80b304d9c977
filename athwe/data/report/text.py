"""The report in a terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from athwe.data.report.facts import DataReport
from athwe.data.report.findings import findings
from athwe.data.report.sections import Section, sections, yaml_lines

LEFT = 2
"""Columns that a section is moved in by."""


def print_report(console: Console, report: DataReport) -> None:
    """What deserves a look first, then all numbers, then the lines to paste."""
    console.print(Text.assemble((report.name, "bold"), f"  {report.folder}"), soft_wrap=True)
    _title(console, "Worth a look")
    for sentence in findings(report) or ["nothing stands out"]:
        console.print(Padding(Text(f"· {sentence}"), (0, 0, 0, LEFT)))
    for section in sections(report):
        _title(console, section.title)
        console.print(Padding(_table(section), (0, 0, 0, LEFT)))
        if section.note:
            console.print(Padding(Text(section.note, "dim"), (0, 0, 0, LEFT)))
    _title(console, f"Proposed by the data, for config/{report.name}.yaml")
    for line in yaml_lines(report):
        console.print(Text(line), soft_wrap=True)


def _title(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, "bold"))


def _table(section: Section) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, name in enumerate(section.columns):
        table.add_column(Text(name), justify="right" if place else "left")
    for row in section.rows:
        table.add_row(*map(Text, row))
    return table
