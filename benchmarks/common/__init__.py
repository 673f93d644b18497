"""What every benchmark needs: places, machine facts, spread, peers' environments, pinned processes, RESULTS.md."""
