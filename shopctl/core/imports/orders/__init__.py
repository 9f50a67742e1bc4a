"""Orders in and out: files of several formats → drafts → orders that were placed elsewhere, and orders → files.

sniff.py     which format is it                read/      lines → raw orders, a module a format
models.py    raw → checked drafts, with pydantic           take.py    the import itself
stored.py    the store → drafts                write/      drafts → text, a module a format (export.py)
"""
