"""Analysis of results: tables in, tables out."""
