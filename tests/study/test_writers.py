import csv
import io
import re
import shutil
import subprocess

import pytest
from rich.console import Console

from denoise.study.latex import as_latex
from denoise.study.results import results
from denoise.study.runs import read_grid
from denoise.study.table import Column, Entry, Table
from denoise.study.tables import tables
from denoise.study.writers import as_csv, as_markdown, for_terminal
from tests.denoise.run_folders import write_grid
from tests.study.examined import write_examined_grid

HOSTILE = (
    "50 % & more_words #1 $x$ {a} \\n ~ ^ <b> |c| [d] *e* `f` \"g\" 'h' i--j",
    "[1ex] looks like an option",
    "* so does a star",
    "Ménage à trois, naïve, Øre, straße, λ, µ, ☃, 减少了, 😀, I\u0307, a\u0301\u0302",
    "\\input{/etc/passwd} \\end{tabular} % a comment",
    "two\nlines\tand a tab\x07",
)


def hostile_table() -> Table:
    rows = tuple(
        (Entry(text=text), Entry(text=text, note=text, is_best=place % 2 == 0, num_seeds=3))
        for place, text in enumerate(HOSTILE)
    )
    columns = (Column(title=HOSTILE[0], is_number=False), Column(title=HOSTILE[3], unit=HOSTILE[0]))
    return Table(
        name="x", title=HOSTILE[0], columns=columns, rows=rows, strategies=("",) * len(rows), legend=HOSTILE[3]
    )


def flaws_in_latex(text: str) -> list[str]:
    """What would not compile, or not as meant, in a table of ours: a strict reading of the few things it may hold."""
    found = [f"not ASCII: {sign}" for sign in set(text) if not sign.isascii() or (ord(sign) < 32 and sign != "\n")]
    found += ["braces"] if len(re.findall(r"(?<!\\)\{", text)) != len(re.findall(r"(?<!\\)\}", text)) else []
    body = text.partition("\\midrule\n")[2].partition("\n\\bottomrule")[0]
    num_columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
    for line in body.split("\n"):
        bare = re.sub(r"\\[%&_#${}]|\\\\$", "", line)
        found += [f"options of a row: {line}"] if line.startswith(("[", "*")) else []
        found += [f"cells: {line}"] if bare.count("&") != num_columns - 1 or not line.endswith(r"\\") else []
        found += [f"special: {line}"] if re.search(r"[%#_~]", re.sub(r"\\~\{", "", bare)) else []
        found += [f"mathematics: {line}"] if bare.count("$") % 2 else []
        commands = set(re.findall(r"\\([a-zA-Z]+)", bare))
        found += [f"unknown: {name}" for name in commands - KNOWN]
    return found


KNOWN = {
    *("textbf", "scriptsize", "textbackslash", "textasciitilde", "textasciicircum", "star", "pm", "rightarrow"),
    *("times", "leq", "geq", "dag", "dots", "langle", "rangle", "ss", "ae", "AE", "o", "O", "l", "L", "alpha"),
    *("beta", "gamma", "lambda", "mu", "sigma", "c", "r", "H", "v", "u"),
}


def test_latex_of_hostile_words_has_no_flaw():
    assert flaws_in_latex(as_latex(hostile_table())) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (r"\%", "%"),
        (r"\_", "_"),
        (r"\&", "&"),
        ("{[}1ex", "[1ex"),
        ("{*} so", "* so"),
        (r"\textbackslash{}input", r"\input"),
    ],
)
def test_a_flaw_would_be_seen(good, bad):
    text = as_latex(hostile_table())
    assert good in text and flaws_in_latex(text.replace(good, bad)) != []


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here; the strict reading above holds it")
def test_latex_compiles(tmp_path):
    write_examined_grid(tmp_path / "grid", seeds=(1, 2))
    shown = [hostile_table(), *tables(read_grid(tmp_path / "grid"))]
    body = "\n".join(as_latex(table) for table in shown)
    document = (
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n" + body + "\\end{document}\n"
    )
    (tmp_path / "t.tex").write_text(document)
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert b"Missing character" not in (tmp_path / "t.log").read_bytes()


def test_latex_leaves_out_what_describes_runs(tmp_path):
    text = as_latex(results(read_grid(write_examined_grid(tmp_path))))
    assert r"\textbf{2.100 $\pm$ 0.010} {\scriptsize n=3}" in text
    assert r"T5 span corruption $\star$" in text and r"\caption{Results. $\star$ baseline;" in text
    assert "Speed" not in text and "ln V" not in text and "Exact spans (\\%)" in text


def test_markdown_keeps_its_columns_whatever_a_label_holds():
    lines = as_markdown(hostile_table()).split("\n")[: 2 + len(HOSTILE)]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert "\\<b\\>" in lines[2] and "\\*e\\*" in lines[2]


def test_csv_has_every_number_in_full_and_reasons_as_words(tmp_path):
    write_grid(tmp_path, seeds=(1, 2, 3))
    shutil.rmtree(tmp_path / "mass-seed1")
    for seed in (2, 3):
        (tmp_path / f"mass-seed{seed}" / "done.json").unlink()
    rows = list(csv.DictReader(io.StringIO(as_csv(results(read_grid(tmp_path))))))
    bits = "Bits per hidden byte"
    assert float(rows[1]["Difference from ★ (95 % interval)"]) == pytest.approx(0.25)
    assert [float(rows[1][f"Difference from ★ {end}"]) for end in ("low", "high")] == pytest.approx(
        [0.2252, 0.2748], abs=1e-4
    )
    assert float(rows[0][f"{bits} sd"]) == pytest.approx(0.01) and rows[0][f"{bits} n"] == "3"
    assert rows[2][f"{bits} (of its own objective, lower is better)"] == "not reached"
    assert "nan" not in as_csv(results(read_grid(tmp_path))).lower().replace("nats", "")


def test_csv_of_hostile_words_is_read_back():
    rows = list(csv.reader(io.StringIO(as_csv(hostile_table()))))
    assert [row[0] for row in rows[1:]] == list(HOSTILE)


def test_the_terminal_table_fits_eighty_columns(tmp_path):
    def shown(folder):
        console = Console(width=80, file=io.StringIO())
        console.print(for_terminal(results(read_grid(folder))))
        return console.file.getvalue()

    plain = shown(write_grid(tmp_path / "plain", seeds=(1, 2, 3)))
    assert "T5 span corruption ★   2.100 ± 0.010                —   2.1   2.620 ± 0.010" in plain
    assert "[0.225, 0.275]" in plain and "does not rank the objectives" in plain
    examined = shown(write_examined_grid(tmp_path / "examined"))
    assert "MASS fragment          2.700 ± 0.010   0.100 ± 0.000           +0.600   2.1" in examined
    assert max(map(len, plain.split("\n") + examined.split("\n"))) <= 80


def test_a_name_with_markup_is_printed_as_it_is(tmp_path):
    console = Console(width=200, file=io.StringIO())
    rows = ((Entry(text="[red]a[/] [b"),),)
    table = Table(name="x", title="x", columns=(Column(title="A", short="A"),), rows=rows, strategies=("",))
    console.print(for_terminal(table))
    assert "[red]a[/] [b" in console.file.getvalue()
