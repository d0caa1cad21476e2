"""An OpenWhisk-compatible host for one machine.

`HostServer(HostSettings(...))` serves OpenWhisk's REST API and web actions, and
runs Python actions in warm processes of their own.
"""

from fedwhisk.host.server import HostServer
from fedwhisk.host.settings import HostSettings
from fedwhisk.host.stats import HostStats

__all__ = ["HostServer", "HostSettings", "HostStats"]
