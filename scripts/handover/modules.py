"""Module names of a tiny model of every architecture, as transformers declares them.

    python scripts/handover/modules.py        (torch and transformers; writes src/testing/fixtures/modules.json)

The unit tests of the recipe hold its targets and the order of its entries against these names.
"""
import json
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

OUT = Path(__file__).resolve().parents[2] / "src/testing/fixtures/modules.json"
COMMON = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48,
    vocab_size=96, max_position_embeddings=64, head_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
TYPES = {
    **{name: {} for name in ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3")},
    **{name: {} for name in ("smollm3", "olmo2", "stablelm", "gpt2", "gpt_neox")},
    "opt": dict(ffn_dim=48, word_embed_proj_dim=16),
}

torch.set_default_device("meta")
models = {}
for name, more in TYPES.items():
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **COMMON, **more))
    modules = [path for path, _ in model.named_modules() if path]
    linear = [path for path, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    models[name] = {"architecture": type(model).__name__, "modules": modules, "linear": linear}
rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in models.items())
OUT.write_text(f'{{"transformers": "{transformers.__version__}", "models": {{\n{rows}\n}}}}\n', "utf-8")
