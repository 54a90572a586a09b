"""Arithmetic on text, bounded: no expression takes more than milliseconds or kilobytes, and only numbers come out."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

MAX_LENGTH = 500
"""The longest expression, in characters."""
MAX_DIGITS = 1000
"""The most digits that an integer, final or in between, may have."""
_MAX_BITS = int(MAX_DIGITS * math.log2(10))

Number = int | float


class ExpressionError(ValueError):
    """The expression has no value that can be told; the text says why."""


def evaluate(expression: str) -> str:
    """The value of `expression` as text: integers exactly, others to 15 significant digits.

    Raises `ExpressionError`.
    """
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"The expression has {len(expression)} characters; at most {MAX_LENGTH} are allowed.")
    try:
        value = _value(_parsed(expression))
    except ZeroDivisionError as error:
        raise ExpressionError(f"{expression!r} divides by zero.") from error
    except OverflowError as error:
        raise ExpressionError(f"A value in {expression!r} is too large.") from error
    except RecursionError as error:
        raise ExpressionError(f"{expression!r} is nested too deeply.") from error
    return str(value) if isinstance(value, int) else format(value, ".15g")


def _parsed(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ExpressionError(f"{expression!r} is not an arithmetic expression.") from error


def _power(base: Number, exponent: Number) -> Number:
    if (
        isinstance(base, int)
        and isinstance(exponent, int)
        and abs(base) > 1
        and base.bit_length() * exponent > _MAX_BITS * 2  # at most twice the bits of the result, before it is computed
    ):
        raise OverflowError
    result = base**exponent
    if isinstance(result, complex):
        raise ExpressionError(f"{base} ** {exponent} is not a real number.")
    return result


def _round(value: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or abs(digits) > MAX_DIGITS:
        raise ExpressionError("The second argument of round is the number of digits, a whole number.")
    return round(value, digits) if digits else round(value)


_OPERATORS: dict[type[ast.AST], Callable[..., Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs, "round": _round, "min": min, "max": max, "sqrt": math.sqrt, "exp": math.exp, "log": math.log,
    "log10": math.log10, "floor": math.floor, "ceil": math.ceil, "sin": math.sin, "cos": math.cos, "tan": math.tan,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e}


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _bounded(_OPERATORS[type(op)](_value(left), _value(right)))
        case ast.BinOp(op=ast.BitXor()):
            raise ExpressionError("^ is not supported; write ** for a power.")
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_call(name, [_value(argument) for argument in arguments]))
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            known = ", ".join([*_CONSTANTS, *_FUNCTIONS])
            raise ExpressionError(f"{name!r} is not known here, or not in this way; known are {known}.")
    raise ExpressionError(f"{ast.unparse(node)!r} is not arithmetic; numbers, + - * / // % ** and parentheses are.")


def _call(name: str, arguments: list[Number]) -> Number:
    try:
        return _FUNCTIONS[name](*arguments)
    except TypeError as error:
        raise ExpressionError(f"{name} does not take {len(arguments)} arguments like these.") from error
    except ExpressionError:
        raise
    except ValueError as error:
        shown = ", ".join(map(str, arguments))
        raise ExpressionError(f"{name}({shown}) has no real value.") from error


def _bounded(value: Number) -> Number:
    if (isinstance(value, int) and value.bit_length() > _MAX_BITS) or not math.isfinite(value):
        raise OverflowError
    return value
