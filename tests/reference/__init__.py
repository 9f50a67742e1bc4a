"""The reference, made from the program: what each command prints, the errors that it raises, and the pages of docs/reference.

`python -m tests.reference` writes shopctl/commands/reference.json and docs/reference; tests/test_reference.py compares.
"""
