"""Real processes under a seeded storm of kills and pauses, and a checker that judges what came of the runs: `make chaos`."""
