"""The one family of errors that is the user's to mend; every other exception is a bug of ours."""


class BadInput(ValueError):
    """What was given, what is allowed and what to do, in one sentence.

    The command line prints it as one line without a traceback. Every error that a user can cause is a
    subclass, defined in the file that raises it:

        BadInput
        ├── InUse                                   data_prep.files        another process works there
        ├── BadSource                               data_prep.reading.sources      no such file, nothing in it, no text
        ├── BadCrawl                                data_prep.reading.crawl_files  not readable, or damaged and strict
        ├── BadTokenizer                            data_prep.tokenizer    not a SentencePiece model, too small a text
        ├── BadStore                                data_prep.manifest     not prepared, cut short, other options
        ├── OutOfSentinels, NoControl               data_prep.vocab        more spans than sentinels; an old vocabulary
        ├── BadProfile, BadFilter, BadList          data_prep.cleaning     rules that contradict each other
        ├── NoPunkt, NoDetector                     data_prep.cleaning     a package that is not installed
        ├── BadNearDuplicates, BadKeyFile, NoPage   data_prep.cleaning     no signature; damaged keys; no such page
        ├── BadTexts, BadEngine, BadPlace           data_prep.job          made otherwise; no engine; a full disk
        ├── BadCorruption                           corruptions.protocol   options or lengths that make no sense
        ├── BadModel, BadOptimizer, BadSchedule     denoise.model, .train  values that cannot be trained
        ├── BadRun, BadWatch                        denoise.train          a folder of another run, too small a budget
        ├── BadCheckpoint, Diverged                 denoise.train          no whole checkpoint; a loss gone astray
        ├── BadGrid, BadPlan, NoLocks, WorkersEnd   denoise.grid           no cells; nothing begun; locks without effect
        ├── BadSlurm                                denoise.grid           no Slurm, refused or lost jobs
        ├── BadTask                                 denoise.transfer       no such task; its files missing or wrong
        ├── BadFolder                               denoise.study          no runs
        ├── BadName                                 denoise.new_corruption no name for a module, or a taken one
        └── BadUsage                                denoise.command_line   unknown options, wrong types

    >>> raise BadInput("rate is 1.5; it must lie between 0 and 1")
    Traceback (most recent call last):
        ...
    data_prep.errors.BadInput: rate is 1.5; it must lie between 0 and 1
    """
