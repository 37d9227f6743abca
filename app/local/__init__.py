"""The whole system on one machine: database, queue, mail catcher, demo vendor, web and workers, started and stopped.

`make` is the front door; `bootstrap.py` prepares the virtual environment, everything else runs inside it.
"""
