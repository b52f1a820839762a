"""When a target counts as reached."""

import pytest

from benchmarks.results import Figure, Row
from benchmarks.sections.hotpath import judged

WIDE = "refused: ratio 2 to 4 (50%)"


@pytest.mark.parametrize(
    ("low", "median", "refused", "note"),
    [
        (1.9, 2.5, "", "reached"),
        (1.5, 1.8, "", "missed by 10%"),
        (2.0, 3.0, WIDE, "reached in every round (2.00 to 4.00)"),
        (1.9, 3.0, WIDE, "not measured"),
        (2.5, 3.0, "refused: 7 errors", "not measured"),
    ],
)
def test_a_target(low, median, refused, note):
    row = Row("fastserve", {"ratio": Figure(median, low, 4.0)}, refused=refused)
    assert judged("GET", row, 2.0).notes == [note]


def test_what_was_left_out_is_not_measured():
    assert judged("GET", None, 2.0).notes == ["not measured"]
    assert judged("GET", Row("fastserve", refused="left out: x"), 2.0).notes == ["not measured"]


def test_a_ratio_that_is_refused_alone():
    row = Row("fastserve", {"wide_ratio": Figure(3.0, 2.5, 5.0)})
    assert judged("GET", row, 2.0).notes == ["reached in every round (2.50 to 5.00)"]
    assert judged("GET", row, 2.6).notes == ["not measured"]
