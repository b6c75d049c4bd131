"""Prune a checkpoint of any architecture with the command line and check the export against PyTorch.

    python scripts/check_architectures.py FOLDER [FOLDER ...]

For each model folder (default: every tiny checkpoint in src/testing/fixtures) Wanda is run with exact statistics, and
magnitude; the masks are made anew from the inputs that the exported blocks before each block give, the six error sums
and the perplexities are computed by transformers in f64, tensors that are not pruned must keep their bytes. Nothing in
here knows an architecture: matrices are found by the report's tensor names, blocks by the longest list of modules.
Needs torch, transformers, numpy. Exits 1 on any difference beyond tolerance.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts/fixtures"))
from common import exact_modules, load_model  # noqa: E402

NEAR_TIE = 1e-4


def cli(*args):
    done = subprocess.run(["node", str(ROOT / "bin/prunelab.js"), *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"prunelab {' '.join(map(str, args))}\n{done.stderr}")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {k: v for f in sorted(folder.glob("model*.safetensors")) for k, v in load_file(f).items()}


def blocks_of(model) -> torch.nn.ModuleList:
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    return max(lists, key=lambda m: sum(p.numel() for p in m.parameters()))


def is_conv1d(module) -> bool:
    return type(module).__name__ == "Conv1D"


def modules_of(model, report: dict) -> dict[str, torch.nn.Module]:
    """By tensor name of the file; a prefix may be there in one and not in the other."""
    named = dict(model.named_modules())
    out = {}
    for tensor in report["sparsity"]["matrices"]:
        stem = tensor.removesuffix(".weight")
        out[tensor] = next(m for n, m in named.items() if n and (n == stem or n.endswith("." + stem) or stem.endswith("." + n)))
    return out


def matrix(module) -> torch.Tensor:
    w = module.weight.detach()
    return w.T if is_conv1d(module) else w


@torch.no_grad()
def run(model, windows, hooks):
    """`hooks`: {module: function(args, kwargs, output)} during a forward of every window."""
    handles = [m.register_forward_hook(lambda mod, a, k, o, f=f: f(a, k, o), with_kwargs=True) for m, f in hooks.items()]
    try:
        return [model(input_ids=torch.tensor([w]), use_cache=False).logits[0] for w in windows]
    finally:
        for h in handles:
            h.remove()


def first(output) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


def drop(metric: np.ndarray, unit: str, rate: float) -> np.ndarray:
    out = np.zeros(metric.shape, bool)
    if rate <= 0:
        return out
    if unit == "row":
        k = int(metric.shape[1] * rate)
        np.put_along_axis(out, np.argsort(metric, axis=1, kind="stable")[:, :k], True, axis=1)
        return out
    flat = np.sort(metric, axis=None)
    return metric <= flat[min(int(metric.size * rate), metric.size - 1)]


def check_masks(dense, pruned, windows, report, say):
    unit = "row" if report["spec"]["pruner"] == "wanda" else "matrix"
    walker, cut = dense_copy(dense), modules_of(pruned, report)
    own, walking, exported = blocks_of(dense), blocks_of(walker), blocks_of(pruned)
    inside = modules_of(walker, report)
    differing = choices = 0
    widest = 0.0
    for i, block in enumerate(walking):
        names = {n: m for n, m in inside.items() if any(m is x for x in block.modules())}
        energy = {n: 0 for n in names}

        def hook(name):
            def f(args, kwargs, output):
                energy[name] = energy[name] + (args[0].double() ** 2).reshape(-1, args[0].shape[-1]).sum(0)
            return f

        if unit == "row":
            run(walker, windows, {m: hook(n) for n, m in names.items()})
        for name, module in names.items():
            w = matrix(module).numpy().astype(np.float32)
            metric = np.abs(w)
            if unit == "row":
                metric = metric * np.sqrt(energy[name].numpy() / len(windows)).astype(np.float32)
            wanted = drop(metric, unit, report["allocation"]["sparsity"][i])
            got = matrix(cut[name]).numpy() == 0
            unlike = np.argwhere((wanted != got) & (w != 0))
            differing, choices = differing + len(unlike), choices + w.size
            for r, c in unlike:
                rivals = (metric[r] if unit == "row" else metric)[(wanted[r] if unit == "row" else wanted) != wanted[r, c]]
                widest = max(widest, float(np.abs(rivals - metric[r, c]).min() / metric[r, c]) if rivals.size else np.inf)
        block.load_state_dict(exported[i].state_dict())
        assert own[i] is not block
    say(differing <= choices / 10000 and widest < NEAR_TIE, f"masks {differing} of {choices} differ (gap {widest:.0e})")


def dense_copy(model):
    import copy
    return copy.deepcopy(model)


@torch.no_grad()
def check_errors(dense, pruned, windows, report, say):
    worst = 0.0
    pairs = list(zip(blocks_of(dense), blocks_of(pruned), strict=True))
    inputs, outputs = {}, {}

    def keep(key):
        def f(args, kwargs, output):
            inputs.setdefault(key, []).append((args, kwargs))
            outputs.setdefault(key, []).append(first(output))
        return f

    run(dense, windows, {b: keep(("d", i)) for i, (b, _) in enumerate(pairs)})
    run(pruned, windows, {b: keep(("p", i)) for i, (_, b) in enumerate(pairs)})
    for i, (d, p) in enumerate(pairs):
        said = report["errors"]["layers"][i]
        sums = dict.fromkeys(["local", "inPlace", "inherited", "cumulative", "cross", "dense"], 0.0)
        for w in range(len(windows)):
            b, a = outputs["d", i][w], outputs["p", i][w]
            args, kwargs = inputs["p", i][w]
            mixed = first(d(*args, **kwargs))
            args, kwargs = inputs["d", i][w]
            local = first(p(*args, **kwargs))
            for name, x, y in (("local", local, b), ("inPlace", a, mixed), ("inherited", mixed, b), ("cumulative", a, b)):
                sums[name] += ((x - y) ** 2).sum().item()
            sums["cross"] += ((a - mixed) * (mixed - b)).sum().item()
            sums["dense"] += (b ** 2).sum().item()
        for name, value in sums.items():
            scale = sums["cumulative"] if name in ("cross", "inherited") else value
            worst = max(worst, abs(said[name] - value) / max(scale, 1e-30))
    say(worst < 5e-3, f"errors {worst:.0e}")


def perplexity(model, windows) -> float:
    logits = run(model, windows, {})
    losses = [torch.nn.functional.cross_entropy(x[:-1], torch.tensor(w[1:])).item() for x, w in zip(logits, windows, strict=True)]
    return float(np.exp(np.mean(losses)))


def check(folder: Path, pruner: str) -> bool:
    good, said = True, []

    def say(ok, text):
        nonlocal good
        good &= bool(ok)
        said.append(text if ok else f"FAIL {text}")

    with tempfile.TemporaryDirectory() as temporary:
        out, texts = Path(temporary) / "out", Path(temporary) / "texts"
        flags = ["--samples", 3, "--windows", 3, "--window", 18]
        cli("texts", folder, "--out", texts, *flags)
        cli("prune", folder, "--out", out, "--pruner", pruner, "--sparsity", 0.55, "--beta", 0.05, *flags)
        cli("verify", out)
        report = json.loads((out / "pruning.json").read_text())
        windows = {n: json.loads((texts / f"{n}.json").read_text())["windows"] for n in ("calibration", "report")}
        before, after = weights(folder), weights(out)
        kept = [n for n in before if n not in report["sparsity"]["matrices"] and not torch.equal(before[n], after[n])]
        say(before.keys() == after.keys() and not kept, f"{len(before)} tensors")
        wrong = [n for n, m in report["sparsity"]["matrices"].items() if int((after[n] == 0).sum()) != m["zeros"]]
        for name, parts in report["sparsity"].get("parts", {}).items():
            whole = report["sparsity"]["matrices"][name]
            if any(sum(p[k] for p in parts.values()) != whole[k] for k in ("zeros", "count")):
                wrong.append(f"parts of {name}")
        say(not wrong, f"zeros {wrong or ''}")
        with exact_modules():
            dense, pruned = (load_model(f, torch.float64, "eager") for f in (folder, out))
            for name, model in (("dense", dense), ("pruned", pruned)):
                off = abs(report["perplexity"][name] / perplexity(model, windows["report"]) - 1)
                say(off < 1e-3, f"{name} perplexity {off:.0e}")
            check_errors(dense, pruned, windows["calibration"], report, say)
            check_masks(dense, pruned, windows["calibration"], report, say)
    print(f"{'ok  ' if good else 'FAIL'} {folder.name} {pruner}: {', '.join(said)}", flush=True)
    return good


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--pruner", choices=["wanda", "magnitude"])
    options = parser.parse_args()
    torch.set_num_threads(2)
    fixtures = sorted(p.parent for p in (ROOT / "src/testing/fixtures").glob("*/model*.safetensors"))
    folders = options.folders or list(dict.fromkeys(fixtures))
    results = [check(f, p) for f in folders for p in ([options.pruner] if options.pruner else ["wanda", "magnitude"])]
    sys.exit(0 if all(results) else 1)
