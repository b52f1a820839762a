"""Results to JSON and back, printed, drawn, and in the documents."""

import json
import re
import xml.dom.minidom

import pytest

from benchmarks import plots, report, report_page, results
from benchmarks.results import Figure, Results, Row, Section, Table, figure


def example():
    rows = [
        Row("uvicorn", {"cpu_us": Figure(14, 13, 15), "ratio": Figure(1, 1, 1)}),
        Row(
            "fastserve",
            {"cpu_us": Figure(7, 6.3, 7.7), "ratio": Figure(2, 1.9, 2.1)},
            "a note",
            {"kernel": 3.0, "loop": 2.0, "server": 2.0},
        ),
        Row("tired", note="refused: 3 errors"),
    ]
    table = Table("browser's 14 headers", rows, baseline="uvicorn")
    section = Section("matrix", "The matrix", [table], ["From here <on>"], {"x": "not there"})
    return Results("2026-01-01T00:00", "python", "abc", {"cores": "2"}, {"h11": "1"}, [section])


def test_json_and_back(tmp_path):
    example().save(tmp_path / "r.json")
    assert results.load(tmp_path / "r.json") == example()


def test_a_row_is_a_line(tmp_path):
    example().save(tmp_path / "r.json")
    lines = [line.strip(" ,") for line in (tmp_path / "r.json").read_text().splitlines()]
    rows = [json.loads(line) for line in lines if line.startswith('{"name"')]
    assert [row["name"] for row in rows] == ["uvicorn", "fastserve", "tired"]


def test_a_figure_is_a_median_with_its_range_in_four_digits():
    assert figure([3, 1.23456, 2]) == (2, 1.235, 3)


@pytest.mark.parametrize(
    ("value", "text"), [(1.234, "1.23"), (12.34, "12.3"), (1234.5, "1,234"), (-0.5, "-0.50")]
)
def test_a_number_has_three_digits(value, text):
    assert results.number(value) == text


def test_what_is_printed(capsys):
    report.show(example().sections[0])
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines if line.startswith("|")] == [
        "| browser's 14 headers | ratio | CPU us | per request |",
        "| -------------------- | ---------------- | ---------------- | ----------------- |",
        "| uvicorn | 1.00 | 14.0 (13.0-15.0) | |",
        "| fastserve | 2.00 (1.90-2.10) | 7.00 (6.30-7.70) | a note |",
        "| tired | - | - | refused: 3 errors |",
    ]
    assert lines[-2:] == ["- From here <on>", "- left out: x: not there"]


def test_a_run_is_a_summary_and_a_picture(tmp_path):
    report.write(example(), tmp_path / "new")
    assert {each.name for each in (tmp_path / "new").iterdir()} == {"summary.json", "matrix.svg"}
    text = (tmp_path / "new" / "matrix.svg").read_text()
    picture = xml.dom.minidom.parseString(text)
    words = [each.firstChild.data for each in picture.getElementsByTagName("text")]
    assert (
        words[0] == "browser's 14 headers: us of server CPU per request (times less than uvicorn)"
    )
    assert "tired" not in words
    assert "7.00  (2.00x)" in words
    assert len(picture.getElementsByTagName("rect")) == 1 + 5 + 3 + 1, "page, legend, parts, bar"


def test_a_run_of_a_wheel_is_a_summary_alone(tmp_path):
    found = example()
    found.build = "wheel"
    assert report.write(found, tmp_path) == tmp_path / "wheel.json"
    assert [each.name for each in tmp_path.iterdir()] == ["wheel.json"]
    assert results.load(tmp_path / "wheel.json") == found


def growing(**costs):
    """A table for each number of connections, with these costs of each server."""
    return [
        Table(f"{count:,} connections", [
            Row(name, {"cpu_us": Figure(each[at], each[at], each[at])}) for name, each in costs.items()
        ])
        for at, count in enumerate((64, 1000, 10_000))
    ]  # fmt: skip


def test_growth_is_a_line_for_each_server(tmp_path):
    plots.draw_growth(growing(nginx=(4, 5, 8), fastserve=(7, 8, 11)), tmp_path / "growth.svg")
    picture = xml.dom.minidom.parse(str(tmp_path / "growth.svg"))
    words = [each.firstChild.data for each in picture.getElementsByTagName("text")]
    assert {"64", "1,000", "10,000", "nginx  8.00", "fastserve  11.0"} <= set(words)
    lines = [each.getAttribute("class") for each in picture.getElementsByTagName("path")]
    assert sorted(lines) == ["grid", "grid", "line other", "line ours"]


def test_names_of_lines_do_not_cover_each_other(tmp_path):
    plots.draw_growth(growing(a=(1, 1, 9), b=(1, 1, 9), c=(1, 1, 9)), tmp_path / "growth.svg")
    picture = xml.dom.minidom.parse(str(tmp_path / "growth.svg"))
    texts = picture.getElementsByTagName("text")
    heights = [float(t.getAttribute("y")) for t in texts if "9.00" in t.firstChild.data]
    assert len(heights) == 3
    assert min(abs(a - b) for a in heights for b in heights if a != b) >= 15


def test_without_growth_there_is_no_picture(tmp_path):
    plots.draw_growth([], tmp_path / "growth.svg")
    assert not list(tmp_path.iterdir())


def test_what_was_not_measured_is_said():
    assert report.by_load(example(), "tls", "cpu_us") == ["Not measured."]
    assert report.many([]) == ["Not measured."]
    assert report_page.charts(example(), "tls") == "<p>Not measured.</p>"


def test_each_server_has_its_scores():
    heading, *rows = report_page.scores()
    assert len(heading) == 4
    found = {name: cells for name, *cells in rows}
    most = [int(words.rpartition(" ")[2]) for words in heading[1:]]
    assert [int(cell) for cell in found["fastserve"]] == most
    assert found["nginx"][1:] == ["-", "-"]
    assert int(found["nginx"][0]) < most[0]


def test_a_name_in_a_plot_covers_no_other():
    taken = []
    places = {report_page.label("fastserve", 50, 50, taken) for _ in range(4)}
    assert len(places) == 4
    assert not any(report_page.overlap(a, b) for a in taken for b in taken if a is not b)


def test_a_block_of_a_page_is_made_anew():
    page = "before\n<!-- figures: verdict -->\nold\n<!-- end -->\nafter\n"
    made = report.filled(page, example())
    assert made == "before\n<!-- figures: verdict -->\n\n- From here <on>\n\n<!-- end -->\nafter\n"
    assert report.filled(made, example()) == made


def test_the_parts_of_a_request():
    lines = report.parts(example(), "matrix", "browser's 14 headers")
    assert [" ".join(line.split()) for line in lines] == [
        "| browser's 14 headers | kernel | loop | server |",
        "| -------------------- | ------ | ---- | ------ |",
        "| fastserve | 3.00 | 2.00 | 2.00 |",
    ]


@pytest.mark.parametrize("page", report.PAGES, ids=lambda page: page.name)
def test_the_figures_of_the_documents_are_those_of_the_summary(page):
    found = results.load(report.FOLDER / "summary.json")
    assert page.read_text() == report.filled(page.read_text(), found)


def test_the_summary_can_be_read():
    assert len((report.FOLDER / "summary.json").read_text().splitlines()) < 1050


def test_the_report_is_current():
    found = results.load(report.FOLDER / "summary.json")
    assert report_page.PAGE.read_text() == report_page.made(found, report.wheel()), (
        "run: python -m benchmarks.report"
    )


def test_the_report_loads_nothing():
    assert not re.search(r"(src|href)=|url\(|@import", report_page.PAGE.read_text())
