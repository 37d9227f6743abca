"""What the workers do, one module per kind of work. Every job can run twice, at once, or after a crash."""
