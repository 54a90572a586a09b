"""The bundled agent: a LangGraph app like any user's, served from `agent/langgraph.json`, never imported by the server.

Its modules sit in a package with a name of its own, so that they meet no other `tools` or `graph` on the server's path.
"""
