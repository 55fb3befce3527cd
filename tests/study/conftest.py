"""PyTorch on one thread: small products are slower on several, by far where other processes want them, too."""

import sys

import pytest


@pytest.fixture(autouse=True)
def one_thread_of_torch():
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
