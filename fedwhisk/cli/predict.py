"""`fedwhisk predict`: classes of images by a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedwhisk.cli import options

ModelFile = Annotated[Path, typer.Argument(help="A model.safetensors.")]
Images = Annotated[list[Path], typer.Argument(help="PNG or JPEG files of any size.")]
Task = Annotated[
    str | None,
    typer.Option(
        help="The model's task: ours, or module:attribute, which a file cannot choose."
    ),
]


def predict(
    model: ModelFile, images: Images, task: Task = None, json: options.Json = False
) -> None:
    """Classify images with a trained model."""
    import msgspec

    from fedclient import predict as predicting
    from fedclient.pictures import PictureError
    from fedclient.tasks import UnknownTask
    from fedclient.weights import ModelError
    from fedwhisk.errors import InputError, OperatorError

    try:
        predictor = predicting.load(model, task)
        found = [(image, predictor(image)) for image in images]
    except (ModelError, PictureError, UnknownTask) as error:
        raise InputError(str(error)) from None
    except predicting.TaskError as error:
        raise OperatorError(str(error)) from None
    if json:
        rows = [
            {
                "image": str(image),
                "class": each.label,
                "probabilities": each.probabilities,
            }
            for image, each in found
        ]
        typer.echo(msgspec.json.encode(rows).decode())
        return
    for image, each in found:
        ranked = sorted(each.probabilities.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{label} {share:.3f}" for label, share in ranked[:3])
        typer.echo(f"{image}: {each.label} ({listed})")
