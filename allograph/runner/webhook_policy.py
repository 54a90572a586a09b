"""Which URLs may be called as webhooks: what `webhooks` and `http.disable_webhooks` of langgraph.json say.

A client chooses the URL, and this server calls it from within its own network: without a policy, anybody who may start a run could
reach what only this machine can. Checked when a run is accepted, and again before each call, on the address that is then called.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from allograph.config import Config, WebhookUrlPolicy
from allograph.errors import Invalid, StartupError

DEFAULT_PORTS = {"http": 80, "https": 443}

LONGEST_URL = 2048

RESOLVE_SECONDS = 5.0

_TEMPLATE = re.compile(r"\$\{\{\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, and the addresses that its host has now."""

    url: SplitResult
    host: str
    port: int
    addresses: list[str]


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """Raises `Invalid` with a sentence for each URL that may not be called."""

    disabled: bool = False
    require_https: bool = False
    allowed_domains: tuple[str, ...] = ()
    """Hosts, or `*.domain` for its subdomains; empty allows every public one. A host that is named may be a private one."""
    allowed_ports: tuple[int, ...] | None = None
    longest: int = LONGEST_URL
    loopback: bool = False
    """Whether this machine itself may be called."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each call."""

    @classmethod
    def of(cls, config: Config) -> WebhookPolicy:
        """Raises `StartupError` for a header whose variable may not be used or is not set."""
        disabled = bool(config.http and config.http.disable_webhooks)
        if config.webhooks is None:
            return cls(disabled=disabled)
        given = config.webhooks.url
        # As in the reference: a policy that does not speak of https requires it, no policy does not.
        url = given or WebhookUrlPolicy.model_validate({"require_https": False})
        headers = {
            name: _filled(name, value, config.webhooks.env_prefix) for name, value in config.webhooks.headers.items()
        }  # fmt: skip
        return cls(
            disabled, url.require_https, tuple(domain.lower() for domain in url.allowed_domains),
            tuple(url.allowed_ports) if url.allowed_ports is not None else None, url.max_url_length or LONGEST_URL,
            not url.disable_loopback, headers,
        )  # fmt: skip

    async def admit(self, url: str) -> Target:
        """Check a URL and look up its host; raises `Invalid`."""
        split, host, port = self._parsed(url)
        named = host in self.allowed_domains
        addresses = [_literal(host)] if _literal(host) else await _resolved(host, port)
        for address in addresses:
            if not self._may_be_called(ipaddress.ip_address(address), named):
                raise Invalid(
                    f"webhook is {url[:200]!r}, whose host is the address {address}; expected a public one: private ones must"
                    " stand in webhooks.url.allowed_domains of langgraph.json, loopback needs webhooks.url.disable_loopback: false"
                )
        return Target(split, host, port, addresses)

    def _parsed(self, url: str) -> tuple[SplitResult, str, int]:
        shown = repr(url[:200])
        if self.disabled:
            raise Invalid(f"webhook is {shown}, and webhooks are switched off (http.disable_webhooks in langgraph.json)")
        if len(url) > self.longest:
            raise Invalid(f"webhook has {len(url)} characters; at most {self.longest} are allowed")
        try:
            split = urlsplit(url)
            port = split.port
        except ValueError as error:
            raise Invalid(f"webhook is {shown}, which is not a URL: {error}") from None
        host = (split.hostname or "").lower().rstrip(".")
        if split.scheme not in DEFAULT_PORTS or not host or not url.isascii() or not url.isprintable() or " " in url:
            raise Invalid(f"webhook is {shown}; expected an absolute URL that begins with https:// or http://")
        if split.username is not None or split.password is not None:
            raise Invalid("webhook has a user name or a password; send secrets as webhooks.headers of langgraph.json")
        if self.require_https and split.scheme != "https":
            raise Invalid(f"webhook is {shown}; expected https (webhooks.url.require_https in langgraph.json)")
        chosen = port if port is not None else DEFAULT_PORTS[split.scheme]
        if self.allowed_ports is not None and chosen not in self.allowed_ports:
            allowed = ", ".join(map(str, self.allowed_ports)) or "none"
            raise Invalid(f"webhook is {shown} on port {chosen}; allowed ports are: {allowed}")
        if self.allowed_domains and not any(_matches(host, domain) for domain in self.allowed_domains):
            raise Invalid(f"webhook is {shown}; allowed hosts are: {', '.join(self.allowed_domains)}")
        return split, host, chosen

    def _may_be_called(self, address: Address, named: bool) -> bool:
        if isinstance(address, ipaddress.IPv6Address):
            # An IPv4 address in another dress is judged as what it is; tunnels lead to addresses that cannot be seen.
            if inner := address.ipv4_mapped:
                return self._may_be_called(inner, named)
            if address.sixtofour or address.teredo:
                return False
        if address.is_loopback:
            return self.loopback
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            return False
        return address.is_global or (named and not address.is_reserved)


def _matches(host: str, domain: str) -> bool:
    return host.endswith(domain[1:]) and len(host) > len(domain) - 1 if domain.startswith("*.") else host == domain


def _literal(host: str) -> str:
    """The host if it is an address itself, in any form that the system takes for one (`0x7f000001`, `127.1`); else nothing."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return ""


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found: list[Any] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise Invalid(f"webhook has the host {host[:200]!r}, which cannot be resolved") from None
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _filled(header: str, template: str, prefix: str) -> str:
    """A header's value with its variables filled in."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not name.startswith(prefix):
            raise StartupError(
                f"langgraph.json: `webhooks.headers.{header}` uses {name}, but only variables that begin with {prefix} may be sent"
                " (webhooks.env_prefix)."
            )
        if name not in os.environ:
            raise StartupError(f"langgraph.json: `webhooks.headers.{header}` uses {name}, and there is no such variable.")
        return os.environ[name]

    filled = _TEMPLATE.sub(value, template)
    if not filled.isprintable():
        raise StartupError(f"langgraph.json: `webhooks.headers.{header}` has a line break or another control character.")
    return filled
