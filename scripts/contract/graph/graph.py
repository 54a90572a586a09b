"""The smallest graph that the reference can serve: the contract is captured while this one is loaded."""

from typing import TypedDict

from langgraph.graph import START, StateGraph


class State(TypedDict):
    value: str


def echo(state: State) -> State:
    return state


graph = StateGraph(State).add_node(echo).add_edge(START, "echo").compile()
