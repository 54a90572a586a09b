"""From the captured contract to `allograph/generated`: capture, overlays, generation, report.

python -m scripts.contract capture    ask the reference for its contract, write openapi/upstream.json
python -m scripts.contract regen      write allograph/generated and report what changed
python -m scripts.contract check      fail when allograph/generated is not what `regen` would write
"""
