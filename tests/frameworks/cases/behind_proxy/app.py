from fastapi import FastAPI, Request, WebSocket

app = FastAPI()


@app.get("/whence")
async def whence(request: Request):
    return {
        "url": str(request.url),
        "base": str(request.base_url),
        "other": str(request.url_for("item", number=1)),
        "path": request.scope["path"],
        "raw_path": request.scope["raw_path"].decode(),
        "root_path": request.scope["root_path"],
        "client": request.client,
    }


@app.get("/items/{number}")
async def item(number: int):
    return number


@app.websocket("/socket")
async def socket(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_json(
        {"url": str(websocket.url), "path": websocket.scope["path"], "client": websocket.client}
    )
    await websocket.close()
