"""Scenarios by topic; every function is one, named `<module>/<function>`."""
