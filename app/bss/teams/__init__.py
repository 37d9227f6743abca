"""Teams of the back office."""
