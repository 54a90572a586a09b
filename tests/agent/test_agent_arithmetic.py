"""The calculator's evaluator: right values, bounded work, sentences for what it cannot do."""

from __future__ import annotations

import time

import pytest
from allograph_agent.arithmetic import MAX_LENGTH, ExpressionError, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 2", "4"),
        ("2+3*4", "14"),
        ("(2 + 3) * -4", "-20"),
        ("7 / 2", "3.5"),
        ("4 / 2", "2"),
        ("7 // 2", "3"),
        ("-7 % 3", "2"),
        ("2 ** 10", "1024"),
        ("2 ** -1", "0.5"),
        ("0.1 + 0.2", "0.3"),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("sqrt(16) + abs(-2) + max(1, 2, 3)", "9"),
        ("round(pi, 2)", "3.14"),
        ("log(e)", "1"),
        ("10 ** -400", "0"),
        ("  1\n", "1"),
    ],
)
def test_value(expression: str, value: str) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("1 / 0", "divides by zero"),
        ("0 ** -1", "divides by zero"),
        ("9**9**9", "too large"),
        ("9**9**9**9", "too large"),
        ("9.0 ** 9.0 ** 9.0", "too large"),
        ("10 ** 999 * 10 ** 999", "too large"),
        ("1e308 * 10", "too large"),
        ("1e999", "too large"),
        ("10 ** 900 / 3.0", "too large"),
        ("exp(10000)", "too large"),
        ("round(5, -10 ** 9)", "number of digits"),
        ("(-8) ** 0.5", "not a real number"),
        ("sqrt(-1)", r"sqrt\(-1\) has no real value"),
        ("log(0)", "no real value"),
        ("2 ^ 3", r"write \*\*"),
        ("", "not an arithmetic expression"),
        ("2 +", "not an arithmetic expression"),
        ("1\0", "not an arithmetic expression"),
        ("(" * 240 + "1" + ")" * 240, "not an arithmetic expression"),
        ("1" + "+1" * 300, f"at most {MAX_LENGTH}"),
        ("__import__('os').system('true')", "not arithmetic"),
        ("eval('1')", "'eval' is not known"),
        ("(1).real", "not arithmetic"),
        ("[1] * 9", "not arithmetic"),
        ("'a' * 9", "not arithmetic"),
        ("True + 1", "not arithmetic"),
        ("1j", "not arithmetic"),
        ("1 if 1 else 2", "not arithmetic"),
        ("x + 1", "'x' is not known"),
        ("sqrt", "'sqrt' is not known here, or not in this way"),
        ("max()", "does not take 0 arguments"),
        ("sqrt(1, 2)", "does not take 2 arguments"),
        ("round(1.5, ndigits=1)", "not in this way"),
    ],
)
def test_refusal_is_a_sentence_and_quick(expression: str, sentence: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError, match=sentence):
        evaluate(expression)
    assert time.perf_counter() - started < 0.5


def test_deep_nesting_does_not_end_the_process() -> None:
    assert evaluate("-" * 400 + "1") == "1"
