"""The job on Flower's simulation; runs in Flower's own environment.

    python -m bench.flower JOB

20 SuperNodes, one CPU a client, the textbook loop and FedAvg as Flower ships it,
evaluated centrally each round. `run_simulation` is used and not `flwr run`: it spares
Flower the start of a SuperLink.
"""

from __future__ import annotations

import sys

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

from bench import textbook
from bench.job import Job, Result

DATASET_KEY = "partition-id"


def client_app(job: Job) -> ClientApp:
    """Return a client that trains its share."""
    app = ClientApp()

    @app.train()  # type: ignore[untyped-decorator]  # flwr is absent from our checks
    def train(message: Message, context: Context) -> Message:
        torch.set_num_threads(1)
        net = textbook.Net()
        net.load_state_dict(message.content["arrays"].to_torch_state_dict())
        index = int(context.node_config[DATASET_KEY])
        number = int(message.content["config"]["server-round"])
        examples = textbook.share(job, index)
        textbook.train(net, examples, job, number, index)
        answer = {
            "arrays": ArrayRecord(net.state_dict()),
            "metrics": MetricRecord({"num-examples": len(examples[1])}),
        }
        return Message(content=RecordDict(answer), reply_to=message)

    return app


def server_app(job: Job, scores: list[float]) -> ServerApp:
    """Return a server that averages, and notes the accuracy of each version."""
    app = ServerApp()

    def score(number: int, arrays: ArrayRecord) -> MetricRecord:
        net = textbook.Net()
        net.load_state_dict(arrays.to_torch_state_dict())
        scores.append(textbook.accuracy(net))
        return MetricRecord({"accuracy": scores[-1]})

    @app.main()  # type: ignore[untyped-decorator]  # as above
    def main(grid: Grid, context: Context) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(job.seed)
        strategy = FedAvg(
            fraction_train=job.per_round / job.clients,
            fraction_evaluate=0.0,
            min_available_nodes=job.clients,
        )
        strategy.start(
            grid=grid,
            initial_arrays=ArrayRecord(textbook.Net().state_dict()),
            num_rounds=job.rounds,
            evaluate_fn=score,
        )

    return app


def run(job: Job) -> Result:
    """Train the job."""
    scores: list[float] = []
    run_simulation(
        server_app(job, scores),
        client_app(job),
        num_supernodes=job.clients,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    if len(scores) <= job.rounds:
        raise SystemExit(f"Flower scored {len(scores)} versions, not {job.rounds + 1}")
    return Result(scores[-1], None)


if __name__ == "__main__":
    result = run(Job.of(sys.argv[1]))
    sys.stdout.write(result.to_json() + "\n")
