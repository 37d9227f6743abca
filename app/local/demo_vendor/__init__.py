"""The demo vendor: a service manager to provision at, speaking our contract (CB-22) from the other side.

It is a process of its own (`python -m app.local.demo_vendor`), keeps what it was asked for, shows it on a page and can be
told to misbehave: slow, failing, rejecting, doing the work and losing the answer. Nothing of Galleria is imported.
"""
