"""Uploading a picture for a theme's settings, and the shop that alone can see it."""

import base64

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2" viewBox="0 0 4 2"><rect width="4" height="2"/></svg>'
)
PATH = "/admin/api/2024-10/files.json"


def body(content):
    return {"file": {"attachment": base64.b64encode(content).decode(), "filename": "hero.svg", "alt": "A hero"}}


async def test_an_uploaded_picture_is_served_to_its_own_shop_only(origin, acorn, birch):
    answer = await origin.post(PATH, json=body(SVG), headers=acorn.admin_headers)
    assert answer.status_code == 201
    file = answer.json()["file"]
    assert file["src"] == f"http://{acorn.host}:8080{file['path']}"
    inside = f"/internal/stores/{acorn.id}/files/{file['id']}"
    served = await origin.get(inside, headers=acorn.edge_headers)
    assert (served.content, served.headers["content-type"]) == (SVG, "image/svg+xml")
    elsewhere = inside.replace(f"/{acorn.id}/", f"/{birch.id}/")
    assert (await origin.get(elsewhere, headers=birch.edge_headers)).status_code == 404


async def test_the_same_bytes_are_the_same_file(origin, acorn):
    first, again = [(await origin.post(PATH, json=body(SVG), headers=acorn.admin_headers)).json() for _ in range(2)]
    assert first == again


async def test_what_is_no_picture_is_refused(origin, acorn):
    answer = await origin.post(PATH, json=body(b"<html>"), headers=acorn.admin_headers)
    assert answer.status_code == 422
    assert "attachment" in answer.json()["errors"]
