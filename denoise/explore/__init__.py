"""What corruptions do to a text, for people: in the terminal, as a page, as a picture, and in numbers.

`show.py` leads through it: a subject (text and vocabulary) → a drawing (tokens with places and spans) for each
objective → columns → terminal, page or picture.
"""
