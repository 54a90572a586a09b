"""How fast it is, beside the reference and beside LangGraph alone. `make bench`; the results stand in docs/performance.md."""
