"""What people type and write for uvicorn, run against uvicorn and fastserve."""
