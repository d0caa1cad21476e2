import torch

from bench import textbook
from bench.job import Job
from fedclient.tasks import training
from fedclient.tasks.mnist import TASK


def test_the_textbook_network_is_the_tasks_network() -> None:
    model = TASK.initial_model(0)
    ours = training.views(training.pack(model, TASK.layout), TASK.layout)
    net = textbook.Net().eval()
    for mine, parameter in zip(ours, net.parameters(), strict=True):
        parameter.data.copy_(mine)
    images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = TASK.network.forward(ours, images, None)
        assert torch.allclose(net(images), expected, atol=1e-5)


def test_clients_train_on_four_fifths_of_their_share() -> None:
    job = Job()
    pictures, labels = textbook.share(job, 3)
    assert pictures.shape == (2_400, 1, 28, 28)  # 60,000 / 20, less two tenths
    assert job.samples == len(labels) * 10 * 10 * 10
