def connect():
    raise RuntimeError("no database\nat all")


app = connect()
