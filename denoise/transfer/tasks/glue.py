"""The tasks of GLUE that are small enough for small models, from their original files; sources as T5 writes them."""

from __future__ import annotations

from denoise.transfer.tasks.hub import Hub
from denoise.transfer.tasks.sentences import Scored, Sentences

_HOME = "gluebenchmark.com/tasks"
_PAIR = {"sentence1": "sentence1", "sentence2": "sentence2"}
_ENTAILMENT = ("not_entailment", "entailment")


def _hub(config: str) -> Hub:
    return Hub(name="nyu-mll/glue", config=config)


COLA = Sentences(
    name="cola",
    title="CoLA",
    labels=("unacceptable", "acceptable"),
    measures=("matthews", "accuracy"),
    files={"train": "glue/CoLA/train.tsv", "dev": "glue/CoLA/dev.tsv"},
    header=("source", "label", "mark", "sentence"),
    words={"0": "unacceptable", "1": "acceptable"},
    hub=_hub("cola"),
    home=_HOME,
)
SST2 = Sentences(
    name="sst2",
    title="SST-2",
    labels=("negative", "positive"),
    files={"train": "glue/SST-2/train.tsv", "dev": "glue/SST-2/dev.tsv"},
    words={"0": "negative", "1": "positive"},
    hub=_hub("sst2"),
    home=_HOME,
)
MRPC = Sentences(
    name="mrpc",
    title="MRPC",
    labels=("not_equivalent", "equivalent"),
    measures=("f1", "accuracy"),
    files={"train": "glue/MRPC/train.tsv", "dev": "glue/MRPC/dev.tsv"},
    texts={"sentence1": "#1 String", "sentence2": "#2 String"},
    label="Quality",
    words={"0": "not_equivalent", "1": "equivalent"},
    hub=_hub("mrpc"),
    home=_HOME,
)
RTE = Sentences(
    name="rte",
    title="RTE",
    labels=_ENTAILMENT,
    files={"train": "glue/RTE/train.tsv", "dev": "glue/RTE/dev.tsv"},
    texts=_PAIR,
    hub=_hub("rte"),
    home=_HOME,
)
WNLI = Sentences(
    name="wnli",
    title="WNLI",
    labels=_ENTAILMENT,
    files={"train": "glue/WNLI/train.tsv", "dev": "glue/WNLI/dev.tsv"},
    texts=_PAIR,
    words={"0": "not_entailment", "1": "entailment"},
    split_note="most dev sentences are in train with another label, so what learns them by heart scores below chance",
    hub=_hub("wnli"),
    home=_HOME,
)
STSB = Scored(
    name="stsb",
    title="STS-B",
    files={"train": "glue/STS-B/train.tsv", "dev": "glue/STS-B/dev.tsv"},
    texts=_PAIR,
    label="score",
    hub=_hub("stsb"),
    home=_HOME,
)
