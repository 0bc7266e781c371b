"""Reads a DAG file as Airflow does, and asks the timetables in it for their starts.

A request comes in as JSON on the command line, the answer goes out as JSON on the last line of stdout; dag-file.ts says
what is in them. Runs on Airflow 2 and 3.
"""

import json
import sys
import warnings
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

request = json.loads(sys.argv[1])

import airflow.models  # noqa: E402  whatever Airflow has to say of itself is said before the file is read
from airflow.timetables.base import TimeRestriction  # noqa: E402

try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

from pendulum import instance  # noqa: E402


def read_file(path):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        bag = DagBag(path, collect_dags=False)
        bag.process_file(path)
    return bag


def instant(text):
    # Python before 3.11 does not read the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def starts(timetable, since, until):
    """Starts in [since, until), as the scheduler has them from the timetable: each from the one before."""
    until = instance(until - timedelta(microseconds=1))
    restriction = TimeRestriction(earliest=instance(since), latest=until, catchup=True)
    last = None
    while True:
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        if info is None:
            return
        yield info.run_after.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        last = info.data_interval


def command(dag, run):
    """What a run hands to the shell. Of a run that nobody scheduled, Airflow 3 knows no `ts`."""
    context = {
        "dag_run": SimpleNamespace(run_type=run["runType"]),
        "ti": SimpleNamespace(try_number=run["tryNumber"]),
        **({"ts": run["ts"]} if "ts" in run else {}),
    }
    (task,) = dag.tasks
    return task.render_template(task.bash_command, context, dag.get_template_env())


bag = read_file(request["file"])
# The scheduler never sees the DAGs of a file, but what is stored of them.
timetables = {
    dag_id: DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable for dag_id, dag in bag.dags.items()
}
answer = {
    "dags": sorted(bag.dags),
    "warnings": [warning for of_file in bag.captured_warnings.values() for warning in of_file],
    "errors": list(bag.import_errors.values()),
    "starts": [
        list(starts(timetables[ask["dag"]], instant(ask["from"]), instant(ask["to"])))
        for ask in request["asks"]
    ],
    "commands": [command(bag.dags[run["dag"]], run) for run in request["runs"]],
}
print(json.dumps(answer))
