"""Access as the examples of `langgraph_sdk` build it: a bearer token names the user, and everything has an owner.

Tokens: `alice`, `bob`, `admin`; anything else is refused. While the file named by BANNED exists, the users in it may run nothing.
"""

import os
from pathlib import Path
from typing import Any

from langgraph_sdk import Auth

auth = Auth()

USERS = ("alice", "bob", "admin")


@auth.authenticate
async def authenticate(authorization: str | None) -> Auth.types.MinimalUserDict:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or token not in USERS:
        raise Auth.exceptions.HTTPException(status_code=401, detail="Invalid token", headers={"WWW-Authenticate": "Bearer"})
    return {
        "identity": token, "permissions": ["admin"] if token == "admin" else [], "email": f"{token}@example.com",
        "token": f"secret-of-{token}",
    }  # fmt: skip


@auth.on
async def owned(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Auth.types.HandlerResult:
    if "admin" in ctx.permissions:
        return None
    banned = Path(os.environ.get("BANNED", "/nonexistent"))
    if ctx.action == "create_run" and banned.exists() and ctx.user.identity in banned.read_text():
        return False
    return {"owner": ctx.user.identity}


@auth.on.store
async def scoped(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    value["namespace"] = (ctx.user.identity, *(value["namespace"] or ()))
