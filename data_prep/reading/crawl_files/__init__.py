"""Crawl files as Common Crawl and others write them, WET and WARC: nothing lost unseen, nothing invented."""

from data_prep.reading.crawl_files.pages import CrawlConfig, crawl_pages
from data_prep.reading.crawl_files.tally import BadCrawl, Damage, Place, Tally

__all__ = ["BadCrawl", "CrawlConfig", "Damage", "Place", "Tally", "crawl_pages"]
