"""Engines: where lane batches run."""
