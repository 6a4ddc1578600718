"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench import units
from segbench.errors import UsageError

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
COUNTS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def read_back(text, scales):
    number, _, unit = text.partition(" ")
    return float(number) * scales[unit]


@given(st.floats(1e-9, 1e5))
def test_a_duration_reads_back_within_half_a_percent(value):
    assert read_back(units.seconds(value), SECONDS) == pytest.approx(value, rel=0.00501)


@given(st.integers(0, 2**50))
def test_a_number_of_bytes_reads_back_within_half_a_percent(value):
    assert read_back(units.size(value), BYTES) == pytest.approx(value, rel=0.00501)


@given(st.integers(0, 10**15))
def test_a_count_reads_back_within_half_a_percent(value):
    assert read_back(units.count(value), COUNTS) == pytest.approx(value, rel=0.00501)


@given(st.floats(1e-12, 1e12), st.integers(1, 6))
def test_a_number_keeps_its_significant_digits_and_has_no_exponent(value, digits):
    text = units.significant(value, digits)
    assert "e" not in text
    assert math.isclose(float(text), value, rel_tol=0.501 * 10 ** (1 - digits))


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (units.seconds, 0, "0 s"),
        (units.seconds, 1.0, "1.00 s"),
        (units.seconds, 0.389, "389 ms"),
        (units.seconds, 5e-7, "500 ns"),
        (units.seconds, 90.0, "90.0 s"),
        (units.count, 0, "0"),
        (units.count, 999, "999"),
        (units.count, 1000, "1.00 k"),
        (units.count, 134_507_010, "135 M"),
        (units.size, 0, "0 B"),
        (units.size, 1 << 20, "1.00 MiB"),
        (units.size, 256 << 20, "256 MiB"),
        (units.times, 1.0, "1.00x"),
        (units.times, 48.825, "48.8x"),
        (units.percent, 0.5, "50.0 %"),
    ],
)
def test_a_number_is_written_in_its_unit(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize(
    "write", [units.seconds, units.count, units.size, units.times, units.percent]
)
def test_an_unknown_number_is_a_dash(write):
    assert write(None) == "-"


@pytest.mark.parametrize(
    ("text", "share"),
    [("2%", 0.02), ("0.5 %", 0.005), (" 10% ", 0.1), ("100%", 1.0), ("250%", 2.5)],
)
def test_a_percentage_is_read_as_a_share(text, share):
    assert units.parse_share(text, what="precision") == pytest.approx(share)


@pytest.mark.parametrize(
    "text", ["", "%", "2", "0%", "0.0 %", "-2%", "+2%", "two%", "2%%", ".5%", "1e-1%", "nan%"]
)
def test_what_is_no_percentage_above_0_is_refused(text):
    with pytest.raises(UsageError) as caught:
        units.parse_share(text, what="precision")
    assert str(caught.value) == (
        f"precision {text!r} is no percentage above 0; write for example 2%"
    )


@pytest.mark.parametrize(
    ("text", "value_s"),
    [("90s", 90), ("90", 90), ("1.5 min", 90), ("5min", 300), ("2h", 7200), (" 0.25 s ", 0.25)],
)
def test_a_time_is_read_in_seconds(text, value_s):
    assert units.parse_duration(text, what="max-time") == pytest.approx(value_s)


@pytest.mark.parametrize(
    "text", ["", "s", "0", "0s", "0.0min", "-5s", "5 m", "5 minutes", "1:30", "1e3", "soon", "infs"]
)
def test_what_is_no_time_above_0_is_refused(text):
    with pytest.raises(UsageError) as caught:
        units.parse_duration(text, what="max-time")
    assert str(caught.value) == (
        f"max-time {text!r} is no time above 0; write for example 90s or 5min"
    )


@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_a_size_reads_back_as_it_was_written(height, width):
    assert units.parse_image_size(f"{height}x{width}") == (height, width)


@pytest.mark.parametrize(
    "text", ["", "224", "224x", "x224", "0x224", "224x0", "-1x5", "2.5x5", "224X224", "1x2x3"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError) as caught:
        units.parse_image_size(text)
    assert str(caught.value) == (
        f"size {text!r} is not HEIGHTxWIDTH in pixels; write for example 360x480"
    )
