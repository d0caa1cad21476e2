from fedcore.adapters import aws_lambda, deployment
from fedwhisk.platform import BUDGETS, Where


def test_operators_and_actions_take_an_unset_budget_for_the_same() -> None:
    assert BUDGETS[Where.OPENWHISK] == deployment.OPENWHISK_CALLS_PER_MINUTE
    assert BUDGETS[Where.AWS] == aws_lambda.CALLS_PER_MINUTE
