"""What the application logs, as JSON lines with the id of the request and of the trace."""

import json
import logging
import sys
from datetime import UTC, datetime

from .request_id import request_id
from .traces import trace_id

# What every record has; the rest came with `extra={...}`.
USUAL = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record):
        content = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            "trace_id": trace_id(),
        }
        content |= {name: value for name, value in vars(record).items() if name not in USUAL}
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)


def configure():
    """For all loggers that the server has not set up itself."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
