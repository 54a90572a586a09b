"""What a subscription wants: channels, namespaces, depth, and from where on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHANNELS = ("values", "updates", "messages", "tools", "custom", "lifecycle", "input", "tasks", "checkpoints")
"""All but `custom:<name>`, the channels that stream transformers of a graph name themselves."""

Namespace = tuple[str, ...]
"""Where in the tree of graphs: `()` is the root, each step `<node>:<task id>` a subgraph."""


@dataclass(frozen=True, slots=True)
class Filter:
    channels: frozenset[str]
    namespaces: tuple[Namespace, ...] = ()
    """Prefixes; none: everything."""
    depth: int | None = None
    """How many levels below a prefix still count; without prefixes it says nothing."""
    since: int = 0
    """Events up to this number are left out."""

    @classmethod
    def of(
        cls, channels: Sequence[str], namespaces: Sequence[Sequence[str]] = (), depth: int | None = None, since: int = 0
    ) -> Filter:
        return cls(frozenset(channels), tuple(tuple(namespace) for namespace in namespaces), depth, since)

    def wants(self, channel: str, namespace: Namespace) -> bool:
        if channel not in self.channels and not (channel.startswith("custom:") and "custom" in self.channels):
            return False
        if not self.namespaces:
            return True
        return any(
            is_below(namespace, prefix) and (self.depth is None or len(namespace) - len(prefix) <= self.depth)
            for prefix in self.namespaces
        )


def is_below(namespace: Namespace, prefix: Namespace) -> bool:
    """Whether `namespace` is at or below `prefix`. A step `x` of the prefix stands for every `x:<task id>`."""
    return len(prefix) <= len(namespace) and all(
        step == given or (":" not in given and step.partition(":")[0] == given)
        for step, given in zip(namespace, prefix, strict=False)
    )


def about_channels(channels: Sequence[str]) -> str | None:
    """A sentence on the first that is none."""
    for name in channels:
        if name not in CHANNELS and not (name.startswith("custom:") and len(name) > len("custom:")):
            return f"channels: {name[:100]!r} is none; there are: {', '.join(CHANNELS)} and custom:<name>"
    return None
