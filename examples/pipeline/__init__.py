"""A data pipeline: gzipped JSON lines in, transformed by a pool of processes, JSON lines out.

    fastserve examples.pipeline:app

    open http://127.0.0.1:8000/                                    # a page with a progress bar

    python -m examples.pipeline.sample 1000000 | gzip > orders.jsonl.gz
    python -m examples.pipeline.client orders.jsonl.gz -o clean.jsonl
    curl -T orders.jsonl.gz http://127.0.0.1:8000/transform        # the result streams back

What it shows: a request body that is decoded as it arrives, a response that streams meanwhile, work
that would block the event loop in other processes, and back-pressure from one end to the other. A
few batches are in flight at any time, so memory does not depend on the size of the input: if the
client reads slowly, the server reads slowly.

    POST or PUT /transform    ?to=response (the default), file or both; ?job=ID names the
                              job, with 8 to 64 letters, digits and hyphens
    GET  /jobs/ID             its progress, counts and first errors as JSON
    GET  /jobs/ID/events      the same as Server-Sent Events, until it has ended
    GET  /results/ID.jsonl    the file

app.py has the routes, job.py a job from request to result, decoding.py the input, pool.py the
processes, and transform.py what happens to a record: put your own there. Set PIPELINE_PROCESSES,
PIPELINE_FOLDER and PIPELINE_MAX_BYTES (of decoded input) in the environment. The pool uses the
cores, so one server process is enough; jobs are known to the process that runs them.
"""

from .app import app

__all__ = ["app"]
