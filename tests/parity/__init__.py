"""The same requests to the reference and to us, answers compared: see `scripts/parity.py` and `docs/PARITY.md`."""
