"""The demo model as transformers.js reads it: FOLDER/config.json, FOLDER/onnx/model.onnx (f32; ids and attention mask
in, logits of every position out) and FOLDER/reference.json, some logits in f64 to check every contender against.

    python export_onnx.py MODEL_FOLDER FOLDER

Needs torch, transformers, onnx and onnxscript.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

TOKENS = 128
SAMPLES = 32


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits


def main(source: Path, target: Path) -> None:
    (target / "onnx").mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "config.json", target / "config.json")
    load = lambda dtype: AutoModelForCausalLM.from_pretrained(source, dtype=dtype, attn_implementation="eager").eval()

    generator = torch.Generator().manual_seed(0)
    vocabulary = json.loads((source / "config.json").read_text())["vocab_size"]
    windows = torch.randint(1, vocabulary, (2, TOKENS), generator=generator)
    with torch.no_grad():
        logits = load(torch.float64)(windows).logits
    places = torch.randint(0, TOKENS * vocabulary, (2, SAMPLES), generator=generator)
    # The first position, so that shorter windows of the same ids have something to be checked against.
    places[:, 0] = torch.randint(0, vocabulary, (2,), generator=generator)
    samples = [
        {"window": w, "position": p // vocabulary, "token": p % vocabulary, "logit": logits[w].flatten()[p].item()}
        for w in range(2)
        for p in places[w].tolist()
    ]
    reference = {"windows": windows.tolist(), "deviation": logits.std(correction=0).item(), "samples": samples}
    (target / "reference.json").write_text(json.dumps(reference))

    tokens = torch.export.Dim("tokens", min=2, max=512)
    torch.onnx.export(
        Logits(load(torch.float32)),
        (windows[:1], torch.ones_like(windows[:1])),
        target / "onnx" / "model.onnx",
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": {1: tokens}, "attention_mask": {1: tokens}},
        dynamo=True,
        external_data=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
