"""Ask a person whether the model that the gate passed may be promoted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from airflow_azureml import _arguments as arguments
from airflow_azureml import _decision_text as text
from airflow_azureml._live_change import read_decision
from airflow_azureml._task import RETRY_POLICY, AzureMLTask
from airflow_azureml.hook import AzureMLHook
from airflow_azureml.promotion_results import ApprovalResult

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryPolicy
NOTE = "note"
ASKED_ABOUT = "asked_about"
"""In Airflow's task state store: the decision that the person was shown."""


class AzureMLApprovePromotionOperator(AzureMLTask, ApprovalOperator):
    """Show a person the gate's decision with its figures, and wait for *Approve* or *Reject* (Airflow's Required
    Actions). No answer in time is a rejection.

    The answer (who, when, their note) is kept beside the decision, and `AzureMLPromoteModelOperator` obeys it. A
    rejection is noted in the drop's ledger and skips the tasks after this one. Nobody is asked when approval is not
    required, or when there is nothing to promote. While it waits it holds no worker and no triggerer.

    `dag.test()` and `airflow dags test` wait for ever for a person: there, leave approval out.
    When the task is cleared, Airflow 3.3 asks again with the text of its first request. So the task fails when it is to
    ask about another decision by then, whose figures nobody would see; a new DAG run asks about that.
    Returns an `ApprovalResult`.

    :param gate: the gate task's output, or the path of a decision.
    :param require_approval: whether to ask at all (default true).
    :param response_timeout: how long to wait for an answer (default a day).
    :param azureml_conn_id: connection of type `azureml`.
    :param retry_policy: which errors are tried again, and when (default `AzureMLRetryPolicy()`).

    `assigned_users` and `notifiers` are those of Airflow's `ApprovalOperator`.
    """

    template_fields: Collection[str] = ("azureml_conn_id", "gate", "require_approval")

    def __init__(
        self,
        *,
        gate: Any,
        require_approval: bool | str = True,
        response_timeout: timedelta | None = timedelta(days=1),
        azureml_conn_id: str = AzureMLHook.default_conn_name,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject="Promote the model?",
            defaults=[self.REJECT],
            params=ParamsDict({**(params or {}), NOTE: _note()}),
            response_timeout=response_timeout,
            retry_policy=retry_policy,
            **kwargs,
        )
        self.gate = gate
        self.require_approval = require_approval
        self.azureml_conn_id = azureml_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask, unless there is nothing to ask."""
        from azureml_gate.decision import Verdict

        is_required = arguments.flag("require_approval", self.require_approval)
        decision = read_decision(self.hook.workspace, self.gate)
        passed = decision.verdict is Verdict.PROMOTE
        if not (is_required and passed):
            self.log.info("Nobody is asked: the verdict is %s, approval required: %s.", decision.verdict, is_required)
            return ApprovalResult(decision=decision.path, asked=False, approved=passed).to_dict()
        self._require_that_it_can_be_shown(context, decision.path)
        self.subject, self.body = text.subject(decision), text.body(decision)
        self.params = ParamsDict(
            {NOTE: _note()}
        )  # by now Airflow has added the DAG's, which are no question to anybody
        return dict(super().execute(context))  # parks the task

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Keep the answer; a rejection then leaves this method by an exception of Airflow's, which skips the others."""
        if "error" in event:
            return dict(super().execute_complete(context, event))  # raises
        result = self._recorded(event, context["task_state_store"].get(ASKED_ABOUT) or self.gate)
        self.log.info("%s was %s by %s.", result.decision, "approved" if result.approved else "rejected", result.by)
        if not result.approved:
            context["ti"].xcom_push(key="return_value", value=result.to_dict())
        self.params = ParamsDict({NOTE: _note()})
        super().execute_complete(context, event)
        return result.to_dict()

    def _require_that_it_can_be_shown(self, context: Context, decision: str) -> None:
        store = context["task_state_store"]
        shown = store.get(ASKED_ABOUT)
        if shown not in (None, decision):
            raise AirflowFailException(
                f"{decision} is to be approved, and Airflow would show the figures of {shown}, about which this task "
                "asked before. Start a new DAG run (of the same drop): it takes the model that was trained, and asks "
                "with the new figures."
            )
        store.set(ASKED_ABOUT, decision)

    def _recorded(self, answer: dict[str, Any], shown: Any) -> ApprovalResult:
        """`shown` is what the person saw: the gate's task may have been cleared, and have decided anew, meanwhile."""
        from azureml_gate.approval import NOBODY, Approval, record_approval

        decision = read_decision(self.hook.workspace, shown)
        user = answer["responded_by_user"]
        approval = Approval(
            decision=decision.path,
            approved=answer["chosen_options"] == [self.APPROVE],
            by=user["name"] if user else NOBODY,
            at=answer["responded_at"],
            note=str((answer["params_input"] or {}).get(NOTE) or ""),
        )
        record_approval(self.hook.workspace, decision, approval)
        return ApprovalResult(
            decision=decision.path, asked=True, approved=approval.approved, by=approval.by, note=approval.note
        )


def _note() -> Param:
    """What a person may fill in. By its source Airflow tells it from the DAG's own params."""
    return Param("", source="task", type="string", title="Note", description="Kept with the answer.")
