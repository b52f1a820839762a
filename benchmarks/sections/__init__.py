"""The parts of the report, each a module with run(context) -> Section."""
