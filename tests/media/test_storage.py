"""Both stores keep the same promises; keys cannot leave them; a file is there wholly or not at all."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.apps import served
from tests.fakes.s3 import FakeS3

from emprops.kit.storage import StorageProofError, is_key
from emprops.media.storage import FolderStorage, S3Storage, Storage, storage_from
from emprops.media.types import DOWNLOAD, extension_of, mime_type_of
from emprops.settings import Settings

KEY = "generations/0192f0c8-0000/step_1-1-ab12-0.png"


@pytest.fixture
def bucket() -> FakeS3:
    return FakeS3()


@pytest.fixture(params=["folder", "s3"])
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path, bucket: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Storage]:
    if request.param == "folder":
        yield FolderStorage(tmp_path / "files")
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    async with served(bucket.app()) as client:  # type: ignore[arg-type]
        yield S3Storage("media", endpoint=str(client.base_url).rstrip("/"), region="us-east-1")


async def read(storage: Storage, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in storage.stream(key, start, length)])


# --- what both promise


async def test_what_is_put_is_there(storage: Storage, tmp_path: Path) -> None:
    assert not await storage.exists(KEY)
    await storage.put_bytes(KEY, b"hello", "image/png")
    assert await storage.exists(KEY)
    assert await storage.size(KEY) == 5
    assert await storage.read(KEY) == b"hello"
    (tmp_path / "source").write_bytes(b"from a file")
    await storage.put_file("a/b.txt", tmp_path / "source", "text/plain")
    assert await storage.read("a/b.txt") == b"from a file"
    assert (tmp_path / "source").exists()


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 100, b"89"), (10, 5, b""), (0, 0, b"")],
)
async def test_a_part_is_read(storage: Storage, start: int, length: int | None, expected: bytes) -> None:
    await storage.put_bytes(KEY, b"0123456789", "image/png")
    assert await read(storage, KEY, start, length) == expected


async def test_large_files_go_in_and_out_in_pieces(storage: Storage, tmp_path: Path) -> None:
    content = os.urandom(1024) * 11_000
    (tmp_path / "large").write_bytes(content)
    await storage.put_file("large.mp4", tmp_path / "large", "video/mp4")
    chunks = [chunk async for chunk in storage.stream("large.mp4")]
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= 4 * 1024 * 1024


async def test_replacing_changes_the_version(storage: Storage) -> None:
    await storage.put_bytes(KEY, b"one", "image/png")
    first = await storage.stat(KEY)
    await storage.put_bytes(KEY, b"two", "image/png")
    assert await storage.read(KEY) == b"two"
    assert (await storage.stat(KEY)).etag != first.etag


async def test_deleting_is_repeatable(storage: Storage) -> None:
    await storage.put_bytes(KEY, b"x", "image/png")
    await storage.delete(KEY)
    await storage.delete(KEY)
    assert not await storage.exists(KEY)


async def test_what_is_missing_is_said_so(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        await storage.size(KEY)
    with pytest.raises(FileNotFoundError):
        await storage.read(KEY)
    with pytest.raises(FileNotFoundError):
        await read(storage, "generations")


NO_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../secret",
    "a/../../secret",
    "a/..",
    "a/./b",
    "a//b",
    "a/",
    ".hidden",
    "a/.part-x",
    "a\\b",
    "..\\secret",
    "a\x00b",
    "a\nb",
    "a b",
    "a%2e%2e/b",
    "é",
    "a:b",
    "~root",
    "x" * 300,
    "x/" * 300 + "x",
]


@pytest.mark.parametrize("key", NO_KEYS)
async def test_what_is_no_key_is_refused_everywhere(storage: Storage, key: str) -> None:
    assert not is_key(key)
    for attempt in (
        storage.put_bytes(key, b"x", "image/png"),
        storage.size(key),
        storage.exists(key),
        storage.read(key),
        storage.delete(key),
        storage.signed_url(key),
        read(storage, key),
    ):
        with pytest.raises(ValueError):
            await attempt
    with pytest.raises(ValueError):
        storage.local_path(key)


# --- the folder


parts = st.lists(st.sampled_from(["..", ".", "a", "", "~", "C:", "\\"]), max_size=6)


@given(st.text(max_size=40) | parts.map("/".join))
def test_no_text_leads_out_of_the_folder(text: str) -> None:
    if is_key(text):
        path = FolderStorage(Path("/data/files")).local_path(text)
        assert path is not None
        assert os.path.normpath(path).startswith("/data/files/")


async def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    root = tmp_path / "files"
    root.mkdir()
    (root / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (root / "folder").symlink_to(tmp_path / "outside")
    storage = FolderStorage(root)
    for key in ("link.txt", "folder/secret.txt"):
        with pytest.raises(ValueError):
            await storage.read(key)
        with pytest.raises(ValueError):
            await storage.put_bytes(key, b"changed", "text/plain")
    assert (tmp_path / "outside" / "secret.txt").read_text() == "secret"


async def test_a_sibling_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    (tmp_path / "files2").mkdir()
    (tmp_path / "files2" / "x.txt").write_text("other")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "to").symlink_to(tmp_path / "files2")
    with pytest.raises(ValueError):
        await FolderStorage(tmp_path / "files").read("to/x.txt")


async def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    await storage.put_bytes("a/b.txt", b"old", "text/plain")
    with pytest.raises(FileNotFoundError):
        await storage.put_file("a/b.txt", tmp_path / "missing", "text/plain")
    with pytest.raises(IsADirectoryError):
        await storage.put_file("a/b.txt", tmp_path, "text/plain")
    assert await storage.read("a/b.txt") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


async def test_a_check_uses_the_store_and_leaves_nothing(storage: Storage, tmp_path: Path, bucket: FakeS3) -> None:
    await storage.check()
    assert {path for _, _, files in os.walk(tmp_path) for path in files} == set()
    assert bucket.objects == {}


async def test_a_check_finds_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    await FolderStorage(tmp_path / "new" / "folder").check()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageProofError, match=r"a file cannot be stored .*file"):
        await FolderStorage(tmp_path / "file").check()


@pytest.mark.parametrize(
    ("method", "what"),
    [("PUT", "a file cannot be stored"), ("GET", "a stored file cannot be read"), ("DELETE", "cannot be removed")],
)
@pytest.mark.parametrize("storage", ["s3"], indirect=True)
async def test_a_check_finds_what_a_bucket_does_not_allow(
    storage: Storage, bucket: FakeS3, method: str, what: str
) -> None:
    bucket.refused = {method}
    with pytest.raises(StorageProofError, match=what):
        await storage.check()


# --- the bucket


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
async def test_objects_cannot_be_pages(storage: Storage, bucket: FakeS3, tmp_path: Path) -> None:
    await storage.put_bytes("a.png", b"x", "text/html")
    await storage.put_bytes("b.html", b"x", "text/html")
    assert (bucket.objects["media/a.png"].content_type, bucket.objects["media/a.png"].disposition) == (
        "image/png",
        None,
    )
    assert bucket.objects["media/b.html"].content_type == DOWNLOAD
    assert bucket.objects["media/b.html"].disposition == "attachment"


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
async def test_signed_urls_name_the_object(storage: Storage) -> None:
    url = await storage.signed_url(KEY)
    assert url is not None
    assert f"/media/{KEY}?" in url
    assert "X-Amz-Expires=3600" in url


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
async def test_a_refusing_service_is_an_os_error(storage: Storage, bucket: FakeS3) -> None:
    await storage.check()
    bucket.fail = 403
    with pytest.raises(OSError, match="object storage could not"):
        await storage.put_bytes(KEY, b"x", "image/png")
    with pytest.raises(OSError, match="object storage could not"):
        await storage.check()


# --- settings and URLs


def test_the_settings_choose(tmp_path: Path) -> None:
    assert isinstance(storage_from(Settings(data_dir=tmp_path)), FolderStorage)
    with pytest.raises(ValueError, match="EMPROPS_S3_BUCKET"):
        storage_from(Settings(storage="s3"))
    assert isinstance(storage_from(Settings(storage="s3", s3_bucket="media", s3_region="us-east-1")), S3Storage)


def test_types_and_extensions_agree() -> None:
    for mime_type in ("image/png", "image/jpeg", "video/mp4", "audio/mpeg", "text/plain", "application/json"):
        assert mime_type_of(f"a{extension_of(mime_type)}") == mime_type
    for unsafe in ("image/svg+xml", "text/html", "application/pdf", "", "../x"):
        assert extension_of(unsafe) == ".bin"
    assert mime_type_of("a.SVG") == mime_type_of("a.html") == mime_type_of("png") == DOWNLOAD
    assert mime_type_of("A.PNG") == "image/png"
