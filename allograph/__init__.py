"""An open, self-hosted server of the LangGraph API."""
