"""An OpenWhisk-compatible host for one machine.

`HostServer(HostSettings(...))` serves OpenWhisk's REST API and web actions, and
runs Python actions in warm processes of their own.
"""

from localwhisk.server import HostServer
from localwhisk.settings import HostSettings
from localwhisk.stats import HostStats

__all__ = ["HostServer", "HostSettings", "HostStats"]
