"""What the registry knows of off-policy methods, a file for each kind."""
