"""What an entry looks like, for those who know no configuration: the same schema reads files, the database, the API and spreadsheets."""

from b2bua.config.canonical import canonical as typed
from b2bua.config.jsonschema import json_schema

__all__ = ["json_schema", "typed"]
