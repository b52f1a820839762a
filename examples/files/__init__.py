"""Upload, list and download files.

    FILES_FOLDER=./shared fastserve examples.files:app

    open http://127.0.0.1:8000/                                  # drop files on the page
    curl -T photo.jpg http://127.0.0.1:8000/files/photo.jpg      # upload
    curl http://127.0.0.1:8000/files                             # list
    curl -r 0-1023 http://127.0.0.1:8000/files/photo.jpg -O      # the first kilobyte
    curl -X DELETE http://127.0.0.1:8000/files/photo.jpg

What it shows: bodies of any size written to disk as they arrive, in threads, with back-pressure; a
file that has its name only once it is whole; names of clients made safe; limits on a file and on
the folder; downloads with ranges and validators, sent by the kernel (`http.response.zerocopysend`).

Without FILES_FOLDER it keeps the files in a temporary folder until it stops. FILES_MAX_BYTES limits
one file (1 GiB), FILES_MAX_TOTAL all of them (10 GiB). Workers may share a folder. Everybody who
reaches the server may upload and delete: put authentication in front of it.

app.py has the routes, store.py the folder, names.py the names and ranges.py the ranges.
"""

from .app import app

__all__ = ["app"]
