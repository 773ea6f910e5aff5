"""Sequence-to-sequence denoising pretraining: corrupt a text, read it with an encoder, rebuild it with a decoder.

The way of the data is the layout:

    data_prep     crawl, tokenizer and token store
    corruptions   a window of text becomes source and target
    denoise.feed  windows become batches
    denoise.model batches become losses
    denoise.train losses become a run folder
    denoise.study run folders become a table and a report
"""

__version__ = "0.1.0"
