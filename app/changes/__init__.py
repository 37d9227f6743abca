"""What happens to a running subscription: a change is asked for, done at the vendor, then applied and charged."""
