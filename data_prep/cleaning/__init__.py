"""Pages of a crawl → clean documents, by the rules that made C4."""
