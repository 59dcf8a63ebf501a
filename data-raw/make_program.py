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
