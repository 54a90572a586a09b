"""Made by `make regen` from openapi/upstream.json (langgraph-api 0.16.7) and overlays; never edited by hand."""

UPSTREAM_VERSION = "0.16.7"
