"""Several recurring products sold as one (CB-11)."""
