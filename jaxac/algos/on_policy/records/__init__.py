"""What the registry knows of on-policy methods, a file for each kind."""
