"""The distributor's mail: settings, templates, log."""
