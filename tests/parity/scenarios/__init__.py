"""Scenarios by topic; every function is one, named `<module>/<function>`."""

from tests.parity.scenario import scenario
from tests.parity.session import Session

__all__ = ["Session", "scenario"]
