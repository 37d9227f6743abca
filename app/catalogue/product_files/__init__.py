"""A distributor's own sheets of products: uploaded, columns mapped, dry run, confirmed, applied (CB-14).

`tables` reads XLSX and CSV, `fields` says what a column may mean, `reading` and `matching` find out what each row would
do, `files` is the life cycle a person sees, `applying` writes the catalogue chunk by chunk.
"""
