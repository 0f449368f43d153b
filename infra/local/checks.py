"""Has the emulator check a request as AWS does, where by itself it would check another action, resource or condition.

Without this, the template's roles would need rights for the test's sake, and could lack the ones that AWS asks for.
"""

import calls

# AWS authorizes a batch by the action of its parts.
BATCHES = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


def correct():
    from ministack.core import iam_actions

    action, resource, context = (
        iam_actions.extract_iam_action,
        iam_actions.extract_resource_arn,
        iam_actions.dynamodb_service_context,
    )

    def action_checked(service, method, path, headers, body, query):
        checked = action(service, method, path, headers, body, query)
        if checked == "dynamodb:BatchExecuteStatement":
            verbs = {verb for verb, _, _ in calls.statements(calls.fields(body))}
            # The emulator takes one action; a batch that mixes them is checked as what no role may do.
            return f"dynamodb:PartiQL{verbs.pop()}" if len(verbs) == 1 else checked
        return BATCHES.get(checked, checked)

    def resource_checked(service, method, path, headers, body, query, region, account):
        if service == "iot" and (bound := calls.bound_certificate(method, path, headers, body)):
            return bound
        if service == "sqs" and (queue := calls.fields(body).get("SourceArn")):
            return queue
        if service == "dynamodb" and (found := calls.statements(calls.fields(body))):
            tables = {table for _, table, _ in found}
            return f"arn:aws:dynamodb:{region}:{account}:table/{tables.pop()}" if len(tables) == 1 else "*"
        return resource(service, method, path, headers, body, query, region, account)

    def context_checked(body):
        """Gap: dynamodb:LeadingKeys is not told."""
        keys = calls.leading_keys(calls.fields(body))
        return {**context(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    iam_actions.extract_iam_action = action_checked
    iam_actions.extract_resource_arn = resource_checked
    iam_actions.dynamodb_service_context = context_checked
