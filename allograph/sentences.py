"""One sentence for a failed validation: where, what was expected, what was given.

Pydantic reports every arm of a union on its own, with the arm's name in the location. Here the location is followed
through the value that was sent, so that only real fields are named, and the arms become "a string or an array".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

_EXPECTED = {
    "missing": "a value",
    "none_required": "null",
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "an integer",
    "float_type": "a number",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "datetime_type": "an ISO 8601 date and time",
    "datetime_parsing": "an ISO 8601 date and time",
    "datetime_from_date_parsing": "an ISO 8601 date and time",
    "timezone_aware": "a date and time with a time zone",
    "literal_error": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a string that matches {pattern}",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
}

Details = Mapping[str, Any]
"""One entry of `ValidationError.errors()`."""


def sentence(errors: Sequence[Any], value: Any, subject: str) -> str:
    """What is wrong with `value`, from the errors of Pydantic about it. `subject` names the whole value."""
    places = [(_place(error, value), error) for error in errors]
    # A union reports the arms that were not meant too. The deepest place is where the arm that fits best went wrong.
    deepest = max(places, key=lambda place: len(place[0]))[0]
    first = places[0][0]
    place = deepest if deepest[: len(first)] == first else first
    here = [error for at, error in places if at == place]
    name = dotted(place) or subject
    if all(error["type"] == "missing" for error in here):
        return f"{name} is required"
    expected = dict.fromkeys(_expected(error) for error in here if error["type"] != "missing")
    given = value
    for step in place:
        given = given[step]
    return f"{name}: expected {' or '.join(expected)}, got {shortened(given)}"


def _place(error: Details, value: Any) -> tuple[str | int, ...]:
    """The part of an error's location that exists in the value, or should: the names of union arms drop out."""
    location = error["loc"]
    place: list[str | int] = []
    for index, step in enumerate(location):
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        ):
            value = value[step]
            place.append(step)
        elif error["type"] == "missing" and index == len(location) - 1:
            place.append(step)
    return tuple(place)


def _expected(error: Details) -> str:
    template = _EXPECTED.get(error["type"])
    if template is None:
        message: str = error["msg"]
        return message[:1].lower() + message[1:]
    return template.format(**error.get("ctx", {}))


def dotted(place: Sequence[str | int]) -> str:
    """`("config", "tags", 0)` as `config.tags[0]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def shortened(value: Any, limit: int = 60) -> str:
    """A value as JSON, cut to a length that fits in a sentence."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
