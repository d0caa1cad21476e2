"""Requests as AWS's API Gateway hands them to a function, in both of its formats."""

from __future__ import annotations

JSON = {"content-type": "application/json"}


def format_2(
    method="POST", path="/check_in", query="", headers=JSON, body=None, encoded=False
):
    """An HTTP API's event, with what AWS's documentation shows."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": ["c=1"],
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "stage": "$default",
        },
        **({} if body is None else {"body": body}),
        "isBase64Encoded": encoded,
    }


def format_1(
    method="POST", path="/check_in", query=None, headers=JSON, body=None, encoded=False
):
    """A REST API's event, with what AWS's documentation shows."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {k: [v] for k, v in (headers or {}).items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": query and {k: [v] for k, v in query.items()},
        "requestContext": {"stage": "prod", "httpMethod": method, "path": path},
        "pathParameters": None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": encoded,
    }
