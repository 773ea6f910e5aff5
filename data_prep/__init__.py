"""From files of text to ids on disk: crawl, split into sentences, tokenise, store."""
