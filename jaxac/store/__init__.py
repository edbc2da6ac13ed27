"""The run directory: a manifest, a ledger, metric shards and checkpoints, each checksummed."""
