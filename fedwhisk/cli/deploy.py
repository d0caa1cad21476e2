"""`fedwhisk deploy` and `undeploy`."""

from __future__ import annotations

from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.errors import InputError
from fedwhisk.platforms import Where

Gateway = Annotated[
    bool, typer.Option("--gateway", help="Also make paths of the API gateway.")
]


def deploy(gateway: Gateway = False, on: options.Target = Where.OPENWHISK) -> None:
    """Build and deploy the actions: wskdeploy to APIHOST, or docker and osls to AWS."""
    from fedwhisk import config
    from fedwhisk.deploy import aws, openwhisk

    if _is_aws(on):
        aws.deploy(config.load())
    else:
        openwhisk.deploy(config.load(), typer.echo, gateway=gateway)


def undeploy(on: options.Target = Where.OPENWHISK) -> None:
    """Remove what `deploy` has created on APIHOST or on AWS."""
    from fedwhisk import config
    from fedwhisk.deploy import aws, openwhisk

    if _is_aws(on):
        aws.undeploy(config.load())
    else:
        openwhisk.undeploy(config.load())


def _is_aws(on: Where) -> bool:
    if on is Where.EMBEDDED:
        raise InputError("--on embedded: `fedwhisk up` and `run` deploy it themselves")
    return on is Where.AWS
