"""Who sends a request: JSON Web Tokens of Supabase or of any other issuer, verified here, without asking the issuer each time.

`ready_made(AuthSettings())` is the whole of it for the server: a `langgraph_sdk.Auth` like one that a project brings along.
docs/auth.md says what is checked; `keys` has the keys, `jwks` fetches them, `verifier` checks a token, `ready_made` is the `Auth`.
"""

from allograph.tokens.ready_made import ADMINISTRATOR, ready_made

__all__ = ["ADMINISTRATOR", "ready_made"]
