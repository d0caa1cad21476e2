"""Deploying the actions: `local`, `openwhisk` and `aws`, and what they share.

Each of the three has `build` and `deploy`; the two that outlive a command also have
`undeploy`.
"""
