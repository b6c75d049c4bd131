"""Calibrate, prune with Wanda, measure perplexity before and after: PyTorch on the processor, beside the lab's own.

    python torch_wanda.py MODEL_FOLDER

First line of standard input: {"calibration": [[ids]], "report": [[ids]], "sparsity": s}, windows of one length in each
text. Answers {"version", "threads"} when the model is loaded; then every line of input is one run, answered with
{"ms", "dense", "pruned", "zeros"}. Needs torch and transformers.
"""

import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

# Matrices that read the same input, by where it is taken.
SHARED = {
    "self_attn.q_proj": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "self_attn.o_proj": ["self_attn.o_proj"],
    "mlp.gate_proj": ["mlp.gate_proj", "mlp.up_proj"],
    "mlp.down_proj": ["mlp.down_proj"],
}


def run_block(model, layer, x):
    positions = torch.arange(x.shape[1])[None]
    rotary = model.model.rotary_emb(x, positions)
    out = layer(x, attention_mask=None, position_ids=positions, position_embeddings=rotary, use_cache=False)
    return out[0] if isinstance(out, tuple) else out


def wanda(model, ids, sparsity: float) -> int:
    """Block after block on the output of the pruned ones before (arXiv 2306.11695); returns the number of zeros."""
    x, zeros = model.model.embed_tokens(ids), 0
    for layer in model.model.layers:
        squares = {}

        def listen(name):
            def hook(_module, inputs):
                squares[name] = inputs[0].square().sum((0, 1))

            return layer.get_submodule(name).register_forward_pre_hook(hook)

        hooks = [listen(name) for name in SHARED]
        run_block(model, layer, x)
        for hook in hooks:
            hook.remove()
        for name, matrices in SHARED.items():
            norms = (squares[name] / len(ids)).sqrt()
            for matrix in matrices:
                weight = layer.get_submodule(matrix).weight
                order = torch.sort(weight.abs() * norms, dim=1, stable=True).indices
                weight.scatter_(1, order[:, : int(weight.shape[1] * sparsity)], 0.0)
                zeros += int((weight == 0).sum())
        x = run_block(model, layer, x)
    return zeros


def perplexity(model, ids) -> float:
    logits = model(ids, use_cache=False).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    return losses.double().mean().exp().item()


@torch.no_grad()
def main(folder: Path) -> None:
    job = json.loads(sys.stdin.readline())
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    calibration, report = torch.tensor(job["calibration"]), torch.tensor(job["report"])
    print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        dense = perplexity(model, report)
        zeros = wanda(model, calibration, job["sparsity"])
        pruned = perplexity(model, report)
        ms = (time.perf_counter() - start) * 1000
        print(json.dumps({"ms": ms, "dense": dense, "pruned": pruned, "zeros": zeros}), flush=True)
        model.load_state_dict(saved)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
