"""A graph that tells what it was told of its user, and one that asks."""

from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    said: str
    user: Any


def tell(state: State, config: RunnableConfig) -> State:
    configurable = config["configurable"]
    user = configurable["langgraph_auth_user"]
    told: dict[str, Any] = {
        "id": configurable["langgraph_auth_user_id"], "permissions": configurable["langgraph_auth_permissions"],
        "user_id": configurable["user_id"],
    }  # fmt: skip
    if user is not None:
        told |= {"identity": user.identity, "email": user["email"], "token": user.get("token")}
    return {"user": told}


def ask(state: State) -> State:
    return {"said": interrupt("what?")}


def made(config: RunnableConfig) -> Any:
    """A graph whose node has the name of who asks for it."""
    user = config["configurable"].get("langgraph_auth_user")
    name = f"for_{user.identity}" if hasattr(user, "identity") else f"for_{user}"
    return StateGraph(State).add_node(name, tell).add_edge(START, name).compile()


told = StateGraph(State).add_node(tell).add_edge(START, "tell").compile()
asking = StateGraph(State).add_node(ask).add_edge(START, "ask").compile()
