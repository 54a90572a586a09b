"""When the next tick of a schedule is, across months, weekdays and changes of daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from allograph.errors import Invalid
from allograph.runner.schedule import Schedule, next_run


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def ticks(schedule: str, timezone: str | None, after: str, count: int) -> list[str]:
    times = Schedule.parse(schedule, timezone)
    moment, found = at(after), []
    for _ in range(count):
        following = times.after(moment)
        assert following is not None
        assert following > moment
        moment = following
        found.append(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/20 * * * *", "2026-01-01T00:00:00Z", ["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z", "2026-01-01T01:00:00Z"]),
        ("* * * * *", "2026-01-01T00:00:59.999Z", ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 31 * *", "2026-01-31T00:00:00Z", ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
        ("0 0 L * *", "2026-02-01T00:00:00Z", ["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]),
        ("0 0 * * 7", "2026-01-01T00:00:00Z", ["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]),
        ("0 0 * * mon#2", "2026-01-01T00:00:00Z", ["2026-01-12T00:00:00Z", "2026-02-09T00:00:00Z"]),
        # Both days restricted: either will do.
        ("0 0 13 * fri", "2026-01-01T00:00:00Z", ["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"]),
        ("@weekly", "2026-01-01T00:00:00Z", ["2026-01-04T00:00:00Z"]),
        ("@Yearly", "2026-01-01T00:00:00Z", ["2027-01-01T00:00:00Z"]),
        # Six fields: the seconds are the last.
        ("0 0 * * * 30", "2026-01-01T00:00:00Z", ["2026-01-01T00:00:30Z", "2026-01-02T00:00:30Z"]),
        ("* * * * * */20", "2026-01-01T00:00:00Z", ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"]),
    ],
)
def test_the_next_ticks(schedule: str, after: str, expected: list[str]) -> None:
    assert ticks(schedule, None, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("schedule", "timezone", "after", "expected"),
    [
        # Berlin skips 02:00 to 03:00 on 29 March 2026: what falls into it comes at its end, once.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        ("0 9 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"]),
        # It has 02:00 to 03:00 twice on 25 October: a time of the day comes once, from wherever one looks.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", ["2026-10-26T01:30:00Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", ["2026-10-26T01:30:00Z"]),
        ("10,50 2 * * *", "Europe/Berlin", "2026-10-25T01:20:00Z", ["2026-10-26T01:10:00Z"]),
        # What comes every half hour goes on coming every half hour.
        (
            "*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"],
        ),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:45:00Z", ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]),
        # Beirut skips midnight itself.
        ("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", ["2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"]),
        # Half an hour of daylight saving, and a zone with a quarter of an hour.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]),
        ("0 12 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", ["2026-01-01T06:15:00Z"]),
    ],
)  # fmt: skip
def test_daylight_saving(schedule: str, timezone: str, after: str, expected: list[str]) -> None:
    assert ticks(schedule, timezone, after, len(expected)) == expected


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Asia/Beirut", "Australia/Lord_Howe", None])
@pytest.mark.parametrize("schedule", ["30 2 * * *", "*/7 * * * *", "0 0 * * *", "59 1-3 * * *", "15 2 * * sun", "* * * * * 30"])
def test_ticks_never_go_back(schedule: str, timezone: str | None) -> None:
    for begin in ("2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z", "2026-10-31T20:00:00Z", "2026-04-04T10:00:00Z"):
        ticks(schedule, timezone, begin, 200)


@pytest.mark.parametrize(
    "schedule",
    ["", "bad", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "@reboot", "0 0 31 2 *",
     "0 0 1 1 * 0 2027", "H * * * *", "0" * 2000],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(Invalid, match=r"schedule is .*; expected minute, hour, day of month"):
        Schedule.parse(schedule, None)


@pytest.mark.parametrize("timezone", ["Mars/Base", "", "America", "../../etc/passwd", "/etc/localtime", "UTC+1", "é"])
def test_what_is_no_time_zone_is_refused(timezone: str) -> None:
    with pytest.raises(Invalid, match="expected the name of a time zone in the IANA database"):
        Schedule.parse("* * * * *", timezone)


def test_nothing_comes_after_the_end() -> None:
    times = Schedule.parse("0 * * * *", None)
    assert next_run(times, at("2026-01-01T00:30:00Z"), at("2026-01-01T01:00:00Z")) == at("2026-01-01T01:00:00Z")
    assert next_run(times, at("2026-01-01T01:00:00Z"), at("2026-01-01T01:59:00Z")) is None
