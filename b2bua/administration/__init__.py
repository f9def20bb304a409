"""The organisation in the hands of people: its entries in the database, who may see and change what, sign-in, import, the live view.

Knows nothing of HTTP; `web` does.
"""
