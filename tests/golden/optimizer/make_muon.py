"""Goldens of Muon: five steps of torch.optim.Muon on three matrices (wide, tall, square), in float64. torch orthogonalises in bfloat16; here its own
code runs with that one cast going to float64, so that the numbers can be compared to many digits. Written with torch 2.15.0.
Usage: make_muon.py > muon.json"""
import json

import torch
from torch.optim import _muon


class Float64Torch:
    """torch, but what it calls bfloat16 is float64."""
    bfloat16 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


_muon.torch = Float64Torch()
torch.manual_seed(5)
rounded = lambda *shape: (torch.randn(*shape, dtype=torch.float64) * 64).round() / 64  # short in JSON
shapes = [(3, 5), (6, 2), (4, 4)]
start = [rounded(*shape) for shape in shapes]
gradients = [[rounded(*shape) for shape in shapes] for _ in range(5)]

cases = []
for scale, nesterov, momentum, lr, wd in [("match_rms_adamw", True, 0.95, 0.02, 0.1), ("original", True, 0.95, 0.02, 0.0), ("original", False, 0.9, 0.1, 0.1)]:
    parameters = [torch.nn.Parameter(p.clone()) for p in start]
    optimizer = torch.optim.Muon(parameters, lr=lr, weight_decay=wd, momentum=momentum, nesterov=nesterov, adjust_lr_fn=scale)
    steps = []
    for step in gradients:
        for p, g in zip(parameters, step):
            p.grad = g.clone()
        optimizer.step()
        steps.append([p.detach().tolist() for p in parameters])
    cases.append({"scale": scale, "nesterov": nesterov, "momentum": momentum, "lr": lr, "wd": wd, "p": [steps[0], steps[-1]]})
print(json.dumps({"torch": torch.__version__, "p0": [p.tolist() for p in start], "gradients": [[g.tolist() for g in step] for step in gradients], "cases": cases}))
