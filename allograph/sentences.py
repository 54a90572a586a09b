"""One sentence for a failed validation: where, what was expected, what was given.

Pydantic reports every arm of a union on its own, with the arm's name in the location. Here the location is followed
through the value that was sent, so that only real fields are named, and the arms become "a string or an array".
"""

from __future__ import annotations

from collections import Counter
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
    "string_too_short": "at least {min_length} character(s)",
    "string_too_long": "at most {max_length} character(s)",
    "string_pattern_mismatch": "a string that matches {pattern}",
    "too_short": "at least {min_length} item(s)",
    "too_long": "at most {max_length} item(s)",
}

Details = Mapping[str, Any]
"""One entry of `ValidationError.errors()`."""
Place = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


def sentence(errors: Sequence[Any], value: Any, subject: str) -> str:
    """What is wrong with `value`, from the errors of Pydantic about it. `subject` names the whole value."""
    place, here = _worst([(_place(error, value), error) for error in errors])
    wrong = [error for at, error in here if at == place and error["type"] != "missing"]
    if not wrong:
        # Each arm of a union misses a field of its own; elsewhere the first one that is missing will do.
        of_union = len(here[0][1]["loc"]) > len(here[0][0])
        missing = [at for at, _ in here if len(at) == len(place)] if of_union else [place]
        return f"{' or '.join(dict.fromkeys(_named(at, subject) for at in missing))} is required"
    expected = dict.fromkeys(map(_expected, wrong))
    if "a number" in expected:
        expected.pop("an integer", None)
    given = value
    for step in place:
        given = given[step]
    return f"{_named(place, subject)}: expected {' or '.join(expected)}, got {shortened(given)}"


def _worst(places: list[tuple[Place, Details]]) -> tuple[Place, list[tuple[Place, Details]]]:
    """The place to speak about, and the errors around it.

    A union also reports the arms that were not meant. The arm that was meant got deepest. Among equals, a value that
    does not fit says more than one that is missing, and what no arm accepts is reported most often.
    """
    first = places[0][0]
    around = [(at, error) for at, error in places if at[: len(first) - 1] == first[:-1]]
    counts = Counter(at for at, _ in around)
    place, _ = max(around, key=lambda found: (len(found[0]), found[1]["type"] != "missing", counts[found[0]]))
    return place, around


def _named(place: Place, subject: str) -> str:
    name = dotted(place)
    return f"{subject}{name}" if not name or name.startswith("[") else name


def _place(error: Details, value: Any) -> Place:
    """The part of an error's location that exists in the value, or should: the names of union arms drop out."""
    location = error["loc"]
    place: list[str | int] = []
    for index, step in enumerate(location):
        if (isinstance(value, dict) and step in value) or (isinstance(value, list) and isinstance(step, int) and step < len(value)):
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
    text = template.format(**error.get("ctx", {}))
    return text.lower() if text in ("True", "False") else text


def dotted(place: Place) -> str:
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
