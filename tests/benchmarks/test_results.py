"""Results to JSON and back, compared, printed and drawn."""

from html.parser import HTMLParser

from benchmarks import report, tables
from benchmarks.results import (
    Figure,
    Lines,
    Results,
    Row,
    Section,
    Stack,
    Table,
    agree,
    differences,
    load,
)


def results(ratio=2.0):
    def figures(cpu, times):
        return {"cpu_us": Figure(cpu, cpu * 0.9, cpu * 1.1), "ratio": Figure(times, times, times)}

    table = Table(
        "GET",
        [
            Row("uvicorn", figures(14.0, 1.0)),
            Row("fastserve", figures(14.0 / ratio, ratio), ["a note"]),
            Row("tired", figures(20.0, 0.7), refused="refused: ratio 1 to 2"),
        ],
        baseline="uvicorn",
    )
    stacks = [Stack("fastserve", {"kernel": 3.0, "loop": 2.0, "server": 2.0})]
    lines = Lines("By headers", "headers", "us", {"a": [(1, 2), (10, 3)], "b": [(1, 2), (10, 3)]})
    section = Section(
        "matrix", "The matrix", [table], ["<the> verdict"], {"x": "y"}, {"GET": stacks}, [lines]
    )
    settings = {"rounds": 5, "seconds": 2, "spread": 0.25, "foreign": 0.06}
    return Results("2025-01-01T00:00", "python", "abc", {"cores": "2"}, {}, settings, [section])


def test_json_and_back(tmp_path):
    results().save(tmp_path / "r.json")
    assert load(tmp_path / "r.json") == results()


def test_ratios_within_a_tenth_agree():
    assert differences(results(), results(2.1)) == [("matrix / GET / fastserve", 2.0, 2.1)]
    assert agree(2.0, 2.1)
    assert agree(2.0, 1.9)
    assert not agree(2.0, 2.3)


def test_a_section_measured_on_several_pythons_is_compared_by_its_title():
    both, one = results(), results(2.1)
    both.sections += results(3.0).sections
    both.sections[0].title, both.sections[1].title = "on 3.11", "on 3.13"
    one.sections[0].title = "on 3.11"
    for old, new in ((both, one), (one, both)):
        found = differences(old, new)
        assert [name for name, _, _ in found] == ["on 3.11 / GET / fastserve"]
        assert {found[0][1], found[0][2]} == {2.0, 2.1}


def test_a_comparison_fails_when_ratios_are_apart(capsys):
    assert tables.show_differences(results(), results(2.1))
    assert not tables.show_differences(results(), results(2.3))
    assert "differs by more than 10%" in capsys.readouterr().out


def test_a_refused_row_prints_its_reason_and_no_figure():
    text = "\n".join(tables.lines(results().sections[0].tables[0]))
    assert "7.00 (6.30-7.70)" in text
    (line,) = [line for line in text.splitlines() if "tired" in line]
    assert line.split() == "tired - - refused: ratio 1 to 2".split()  # noqa: SIM905


class Balance(HTMLParser):
    """Counts what SVG elements are opened and closed."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.svgs = 0

    def handle_starttag(self, tag, attrs):
        if tag in {"svg", "g", "table", "ul"}:
            self.open.append(tag)
        self.svgs += tag == "svg"

    def handle_endtag(self, tag):
        if tag in {"svg", "g", "table", "ul"}:
            assert self.open.pop() == tag


def test_the_report_is_one_page_with_a_plot_for_each_part():
    page = report.page(results())
    balance = Balance()
    balance.feed(page)
    assert balance.svgs == 3, "bars, stacked bars, lines"
    assert not balance.open
    assert "&lt;the&gt; verdict" in page
    assert "refused: ratio 1 to 2" in page
    assert "http://" not in page
    assert "https://" not in page
