"""Every frame and component with made-up data, for people who work on the look. Never part of the running product."""
