"""The page `docs/PARITY.md`, made from the recordings and from the list of differences."""
from .scenario import ROOT
PAGE = ROOT / "docs" / "PARITY.md"
def page() -> str:
    return ""
