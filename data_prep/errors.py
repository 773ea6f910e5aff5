"""The one family of errors that is the user's to mend; every other exception is a bug of ours."""


class BadInput(ValueError):
    """What was given, what is allowed and what to do, in one sentence.

    The command line prints it as one line without a traceback. Every error that a user can cause is a
    subclass, defined in the file that raises it:

        BadInput
        ├── BadSource            data_prep.sources     no such file, nothing in it, not UTF-8, not JSON
        ├── BadTokenizer         data_prep.tokenizer   not a SentencePiece model, not the one that was used
        ├── BadStore             data_prep.manifest    not prepared, cut short, another vocabulary
        ├── OutOfSentinels       data_prep.vocab       more spans than sentinels
        ├── BadCorruption        corruptions.protocol  options that make no sense together, no fit
        ├── BadRun               denoise.train         a folder of another run, a run in use, no finished run
        └── BadGrid              denoise.study         a grid that names no cells, unknown keys

    >>> raise BadInput("rate is 1.5; it must lie between 0 and 1")
    Traceback (most recent call last):
        ...
    data_prep.errors.BadInput: rate is 1.5; it must lie between 0 and 1
    """
