"""Which route answers: the API keeps its own paths from the gateway."""


def test_a_wrong_method_under_the_api_is_not_the_gateways(whisk):
    unknown = whisk.session.get(f"{whisk.host}/api/v1/nothing")
    message = "The requested resource could not be found."
    assert (unknown.status_code, unknown.json()["error"]) == (404, message)
    wrong = whisk.delete("limits")
    assert wrong.status_code == 405
    assert "supported methods" in wrong.json()["error"]
