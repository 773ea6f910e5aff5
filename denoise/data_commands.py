"""The commands that make data: denoise prepare, and its stages alone, clean | tokenizer | tokens."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Arguments = Sequence[str]

LOSSES = 3
"""Exit code of a command that is done, but met damaged records in crawl files, which are lost."""


def prepare(arguments: Arguments) -> int:
    """Text, JSONL, Parquet, a dataset or a crawl → clean documents → SentencePiece vocabulary → token store."""
    from data_prep.job.options import PrepareConfig
    from denoise.command_line import parsed, value_of
    from denoise.preparing import prepare_in_sight

    parser = _options(PrepareConfig, "prepare", prepare.__doc__)
    parser.add_argument("--out", default="data/sotu", help="Folder to write (default: data/sotu).")
    values, built = parsed(parser, _by_files(arguments))
    config, engine = value_of(PrepareConfig, built), _engine(built)
    told = prepare_in_sight(values.sources, Path(values.out), config, engine, _command("prepare", arguments))
    return LOSSES if told.num_lost else 0


def clean(arguments: Arguments) -> int:
    """Crawl files, text or tables → cleaned, deduplicated documents as Parquet, with a data card."""
    from data_prep.job.config import CleanConfig
    from denoise.command_line import BadUsage, parsed, value_of
    from denoise.preparing import clean_in_sight, explain_in_sight

    parser = _options(CleanConfig, "clean", clean.__doc__)
    parser.add_argument("--out", help="Folder to write.")
    parser.add_argument("--explain", help="Address of one page in the sources, or a file with its text: say why.")
    values, built = parsed(parser, _by_files(arguments))
    config = value_of(CleanConfig, built)
    if values.explain:
        explain_in_sight(values.explain, values.sources, config)
        return 0
    if not values.out:
        raise BadUsage("denoise clean writes a folder; name it: --out FOLDER")
    told = clean_in_sight(values.sources, Path(values.out), config, _engine(built), _command("clean", arguments))
    return LOSSES if told.num_lost else 0


def tokenizer(arguments: Arguments) -> int:
    """A SentencePiece vocabulary, trained on what `denoise clean` wrote."""
    from data_prep.job.options import TokenizerConfig
    from denoise.command_line import options_of, parsed, value_of
    from denoise.preparing import train_tokenizer_in_sight

    parser = options_of(TokenizerConfig, "tokenizer", tokenizer.__doc__)
    parser.add_argument("texts", help="Folder that denoise clean wrote.")
    parser.add_argument("--out", required=True, help="Folder to write: spm.model and vocab.json.")
    values, built = parsed(parser, arguments)
    train_tokenizer_in_sight(Path(values.texts), Path(values.out), value_of(TokenizerConfig, built))
    return 0


def tokens(arguments: Arguments) -> int:
    """What `denoise clean` wrote, as ids: a token store for denoise train."""
    from data_prep.job.options import TokensConfig
    from denoise.command_line import options_of, parsed, value_of
    from denoise.preparing import encode_in_sight

    parser = options_of(TokensConfig, "tokens", tokens.__doc__)
    _add_engine(parser)
    parser.add_argument("texts", help="Folder that denoise clean wrote.")
    parser.add_argument("--out", required=True, help="Folder to write.")
    values, built = parsed(parser, arguments)
    encode_in_sight(Path(values.texts), Path(values.out), value_of(TokensConfig, built), _engine(built))
    return 0


def _options(config: type, name: str, summary: str | None) -> Any:
    from denoise.command_line import options_of

    parser = options_of(config, name, summary)
    parser.add_argument(
        "sources", nargs="*", default=[], help="Files, folders, globs or datasets; none: the default corpus."
    )
    _add_engine(parser)
    return parser


def _by_files(arguments: Arguments) -> list[str]:
    """The same with rules that are named taken from the file of that name, so that single rules may follow.

    A bare name is text to the parser, which forgets it for C4's rules as soon as one rule is set behind it.
    """
    from data_prep.cleaning.profiles import PROFILES
    from denoise.config_files import configs

    given, named = iter(arguments), []
    for argument in given:
        option, is_joined, value = argument.partition("=")
        value = value if is_joined else next(given, "") if option == "--rules" else ""
        if option == "--rules" and value in PROFILES:
            named += ["-c", str(configs() / "clean" / f"{value}.yaml")]
        elif option == "--rules" and not is_joined:
            named += [option, value]
        else:
            named.append(argument)
    return named


def _add_engine(parser: Any) -> None:
    from data_prep.job.engine import Engine

    parser.add_class_arguments(Engine, None, as_group=False)


def _engine(built: Any) -> Any:
    from data_prep.job.engine import Engine
    from denoise.command_line import value_of

    return value_of(Engine, built)


def _command(name: str, arguments: Arguments) -> str:
    return shlex.join(["denoise", name, *arguments])
