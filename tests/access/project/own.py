"""Routes of the project's own, which authenticate nobody unless they are configured to."""

from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/own/who")
async def who(request: Request) -> dict[str, str | None]:
    user = request.scope.get("user")
    return {"identity": user.identity if user else None}
