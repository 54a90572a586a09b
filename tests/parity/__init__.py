"""The same requests to the reference and to us, answers compared. `scripts/parity.py` runs it, `docs/PARITY.md` shows it."""
