"""Products in and out: files of several formats → drafts for the catalogue, and the catalogue → files.

source.py    bytes → lines          sniff.py   which format is it
jsonl.py     own_csv.py  shopify.py (over table.py)         lines → raw products
models.py    raw → validated drafts, with pydantic          products.py  the import itself
export.py    the catalogue → JSONL or CSV, losslessly
"""
