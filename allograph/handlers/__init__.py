"""The hand-written half: one class per tag of the contract, each implementing the generated interface of that tag.

A handler is thin: it reads the request, asks the store or the runner, and replies. No SQL, no graph code.
"""

from __future__ import annotations

from allograph.handlers.a2a import A2A
from allograph.handlers.assistants import Assistants
from allograph.handlers.crons import Crons
from allograph.handlers.mcp import MCP
from allograph.handlers.stateless_runs import StatelessRuns
from allograph.handlers.streaming import Streaming
from allograph.handlers.store import Store
from allograph.handlers.system import System
from allograph.handlers.thread_runs import ThreadRuns
from allograph.handlers.threads import Threads

__all__ = ["HANDLER_CLASSES", "A2A", "Assistants", "Crons", "MCP", "StatelessRuns", "Store", "Streaming", "System", "ThreadRuns", "Threads"]

HANDLER_CLASSES: dict[str, type] = {
    "assistants": Assistants,
    "threads": Threads,
    "thread_runs": ThreadRuns,
    "stateless_runs": StatelessRuns,
    "a2a": A2A,
    "crons": Crons,
    "mcp": MCP,
    "store": Store,
    "system": System,
    "streaming": Streaming,
}
"""Field of the generated `Handlers` → the class that fills it. A tag that is missing answers 501."""
