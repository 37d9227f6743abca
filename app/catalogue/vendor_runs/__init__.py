"""Reading a vendor's catalogue into ours (CB-15): the definition, the run, what is merged into what."""
