"""The official clients as judges: each holds the same conversations with a live server. Run by `make test-clients`."""
