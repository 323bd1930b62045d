"""A Lambda function that turns the chip reads of a race into results: a table, a page, and a page for each bib."""
