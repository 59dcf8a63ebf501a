"""TorchScript programs for the tests: python3 data-raw/make_program.py (any PyTorch)."""
import torch

FOLDER = "tests/testthat/fixtures/"


def save(name, net):
    torch.jit.script(net).save(FOLDER + name)


torch.manual_seed(1)
layers = lambda *more: torch.nn.Sequential(
    torch.nn.Linear(4, 8), *more, torch.nn.Tanh(), torch.nn.Linear(8, 2)
)
save("net.pt", layers())
save("net_dropout.pt", layers(torch.nn.Dropout(0.2)))
save("net_running_averages.pt", layers(torch.nn.BatchNorm1d(8)))
save("net_company.pt", layers(torch.nn.BatchNorm1d(8, track_running_stats=False)))


class Other(torch.nn.Module):
    """What a program may do in training."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self.first = torch.nn.Linear(4, 8)
        self.second = torch.nn.Linear(8, 2)
        if kind == "partly":
            self.unused = torch.nn.Linear(3, 3)
            for parameter in self.first.parameters():
                parameter.requires_grad = False

    def forward(self, x):
        if self.kind == "partly":
            x.add_(1.0)
        x = self.second(torch.tanh(self.first(x)))
        if self.kind == "detached":
            x = x.detach()
        if self.kind == "raising" and self.training:
            raise ValueError("not in training")
        return x


for kind in ["partly", "detached", "raising"]:
    save("net_" + kind + ".pt", Other(kind))
