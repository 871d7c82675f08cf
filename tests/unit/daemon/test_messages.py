from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.messages import (
    MessageError,
    Order,
    PathReport,
    Report,
    Stage,
    StageReport,
    decode_order,
    decode_report,
    encode,
)

PATHS = st.binary(min_size=1).map(PathReport)
REPORTS = st.one_of(st.sampled_from(Stage).map(StageReport), PATHS)


@given(REPORTS)
def test_a_report_is_decoded_as_it_was_encoded(report: Report) -> None:
    assert decode_report(encode(report)) == report


@pytest.mark.parametrize("order", Order)
def test_an_order_is_decoded_as_it_was_encoded(order: Order) -> None:
    assert decode_order(encode(order)) is order


@pytest.mark.parametrize("path", [b"/a b/c.png", b"/line\nbreak.png", b"/not utf-8 \xff.png", b"path /x", b" "])
def test_a_path_may_hold_any_bytes(path: bytes) -> None:
    assert decode_report(encode(PathReport(path))) == PathReport(path)


@pytest.mark.parametrize("damaged", [b"", b"stage", b"stage ", b"stage asleep", b"stage \xff", b"speed 5", b"path"])
def test_a_report_that_is_damaged_or_unknown_is_an_error_that_quotes_it(damaged: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        decode_report(damaged)
    assert repr(damaged) in str(caught.value)


def test_the_error_quotes_the_beginning_of_a_long_report_alone() -> None:
    with pytest.raises(MessageError) as caught:
        decode_report(b"x" * 100_000)
    assert len(str(caught.value)) < 200


@given(st.binary())
def test_whatever_arrives_a_report_is_decoded_or_a_message_error(data: bytes) -> None:
    try:
        report = decode_report(data)
    except MessageError:
        return
    assert encode(report) == data


@pytest.mark.parametrize("damaged", [b"", b"order", b"order ", b"order dance", b"stop", b"\xff\xfe", b"stage idle"])
def test_an_order_that_is_damaged_or_unknown_is_a_stop(damaged: bytes) -> None:
    assert decode_order(damaged) is Order.STOP
