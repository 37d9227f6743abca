"""Vendor price sheets on their way into the catalogue: uploaded, checked, previewed, confirmed, applied (CB-15).

`upload` takes a file in, `sheet` reads it row by row, `staging` and `judging` find out what it would do, `runs` is the
life cycle a person sees, `applying` writes the catalogue in resumable ranges, `report` says row by row what happened.
"""
