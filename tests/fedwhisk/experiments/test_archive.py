"""An experiment's file: what goes in comes out, and nothing else comes in."""

import json
import zipfile
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcore.codec import sha256
from fedcore.errors import DatabaseUnavailable
from fedcore.store.database import INDEXES, UNIQUE
from fedcore.store.memory import MemoryDatabase
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.experiments.archive import contents, reading, writing
from tests.fedcore.world import World, finish, open_round_1

ID = "0123456789abcdef"
MANY = {f"m{each}": 1.0 for each in range(33)}


def halfway() -> World:
    """A federation stopped in round 1, with one of its two updates accepted."""
    world = World()
    world.services = replace(world.services, new_id=lambda: ID)
    world.start()
    members = open_round_1(world)
    live = world.live
    first = next(m for m in members if m.index == live["cohort"][0])
    assert first.submit(1, 3.0, 4.0)["accepted"]
    world.stop()
    return world


def plain(database: MemoryDatabase) -> str:
    """All documents as text: JSON knows no tuples, and a file holds none."""
    found = {name: rows for name, rows in database.collections.items() if rows}
    return json.dumps(found, default=bytes.hex, sort_keys=True)


@pytest.fixture
def world() -> World:
    return halfway()


@pytest.fixture
def file(world, tmp_path):
    path = tmp_path / "exp.fed"
    writing.write(world.services.store.database, "exp", path)
    return path


def test_all_of_an_experiments_collections_are_in_it() -> None:
    assert set(contents.ROWS) == (set(INDEXES) | set(UNIQUE)) - {"experiments"}


def test_what_goes_in_comes_out(world, file) -> None:
    there = MemoryDatabase()
    stored = reading.load(there, file)
    assert (stored.experiment.name, stored.clients, stored.rounds) == ("exp", 3, 1)
    assert plain(there) == plain(world.services.store.database)


def test_what_a_cut_off_aggregation_has_stored_goes_along(tmp_path) -> None:
    world = halfway()
    database, store = world.services.store.database, world.services.store
    experiment = store.experiment("exp")
    store.add_measure(experiment, 0, b"measured")
    store.publish_chunk(experiment, 1, 0, b"published", [1.5, 2.5])
    writing.write(database, "exp", tmp_path / "exp.fed")
    there = World(MemoryDatabase())
    reading.load(there.services.store.database, tmp_path / "exp.fed")
    assert there.services.store.measures(experiment) == [b"measured"]
    assert there.services.store.squares(experiment, 1) == [[1.5, 2.5]]
    assert plain(there.services.store.database) == plain(database)


def test_a_file_of_an_earlier_release_is_read(forged) -> None:
    del forged.entries["measures.jsonl"]
    assert forged.loaded().find("experiments", {"name": "exp"})


def test_it_goes_on_elsewhere_to_the_same_model(world, file) -> None:
    def ending(world: World) -> list[float]:
        world.resume()
        members = world.enrol_all()
        members[0].check_in()
        finish(world, members, lambda index: float(index + 1))
        assert world.report()["state"] == "finished"
        return world.model()

    there = World(MemoryDatabase())
    reading.load(there.services.store.database, file)
    assert [each["name"] for each in there.report()["clients"]] == ["c0", "c1", "c2"]
    assert ending(there) == ending(world)


def test_the_file_is_for_this_user_alone(file) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_only_an_ended_experiment_is_written(tmp_path) -> None:
    world = World()
    world.start()
    database = world.services.store.database
    with pytest.raises(OperatorError, match="exp is enrolling: stop it first"):
        writing.write(database, "exp", tmp_path / "exp.fed")
    with pytest.raises(OperatorError, match="no experiment is named 'none'"):
        writing.write(database, "none", tmp_path / "exp.fed")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_said(world, tmp_path) -> None:
    with pytest.raises(OperatorError, match="cannot be written"):
        writing.write(world.services.store.database, "exp", tmp_path / "no" / "exp.fed")


def test_an_experiment_is_not_stored_over_another(world, file) -> None:
    with pytest.raises(OperatorError, match="has an experiment named 'exp' already"):
        reading.load(world.services.store.database, file)


class Dying(MemoryDatabase):
    """A database that goes away after so many inserts."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self.lives = lives

    def insert(self, collection, document):
        self.lives -= 1
        if self.lives < 0:
            raise DatabaseUnavailable("gone")
        return super().insert(collection, document)


def test_an_import_that_was_cut_off_may_be_repeated(file) -> None:
    whole = MemoryDatabase()
    reading.load(whole, file)
    inserts = sum(len(documents) for documents in whole.collections.values())
    for lives in range(inserts):
        database = Dying(lives)
        with suppress(DatabaseUnavailable):
            reading.load(database, file)
        assert not database.find("experiments", {})
        database.lives = 1_000
        reading.load(database, file)
        assert database.collections == whole.collections


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a file of `fedwhisk export --all`"),
        (b"\x89HDF\r\n" * 100, "not a file of `fedwhisk export --all`"),
        (None, "cannot be read"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path, content, complaint) -> None:
    path = tmp_path / "foreign"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        reading.load(MemoryDatabase(), path)


class Forged:
    """A file written anew with some entries changed, its manifest made to fit."""

    def __init__(self, file) -> None:
        self._file = file
        with zipfile.ZipFile(file) as archive:
            self.entries = {name: archive.read(name) for name in archive.namelist()}
        self.manifest = json.loads(self.entries.pop("manifest.json"))

    def loaded(self, **how) -> MemoryDatabase:
        hashes = {n: sha256(data) for n, data in self.entries.items()}
        self.manifest = {"entries": hashes} | self.manifest | how.pop("manifest", {})
        self.manifest["entries"] = hashes | how.pop("entries", {})
        database = how.pop("database", None) or MemoryDatabase()
        with zipfile.ZipFile(self._file, "w", **how) as archive:
            for name, data in self.entries.items():
                archive.writestr(name, data)
            archive.writestr("manifest.json", json.dumps(self.manifest))
        try:
            reading.load(database, self._file)
        finally:
            self.stored = database.collections
        return database


@pytest.fixture
def forged(file) -> Forged:
    return Forged(file)


def test_a_forger_that_changes_nothing_is_let_in(forged) -> None:
    assert forged.loaded().find("experiments", {"name": "exp"})


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"manifest": {"format": "tar"}}, "found format 'tar' 1, expected 'fedwhisk"),
        ({"manifest": {"format_version": 2}}, "expected 'fedwhisk experiment' 1"),
        ({"manifest": {"format_version": "x"}}, "manifest.json"),
        ({"entries": {"more.jsonl": "0" * 64}}, r"differ from the manifest's \(more"),
        ({"entries": {"rounds.jsonl": "0" * 64}}, "rounds.jsonl does not fit its hash"),
        ({"compression": zipfile.ZIP_DEFLATED}, "found a compressed entry"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(forged, how, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        forged.loaded(**how)
    assert not forged.stored


def changed(forged: Forged, name: str, /, **fields) -> None:
    lines = forged.entries[name].splitlines()
    first = json.loads(lines[0]) | fields
    forged.entries[name] = b"\n".join([json.dumps(first).encode(), *lines[1:]]) + b"\n"


@pytest.mark.parametrize(
    ("name", "fields", "complaint"),
    [
        ("experiment.json", {"state": "running"}, "found state 'running'"),
        ("experiment.json", {"state": "asleep"}, "experiment.json: Invalid enum"),
        ("experiment.json", {"settings": 7}, "experiment.json: Expected `object`"),
        ("clients.jsonl", {"_id": f"{ID}/0000007"}, f"found key '{ID}/0000007'"),
        ("clients.jsonl", {"experiment": "other"}, "is of another experiment"),
        ("clients.jsonl", {"index": "none"}, "clients.jsonl: Expected `int`"),
        ("model_chunks.jsonl", {"hash": "0" * 64}, "model_chunks.jsonl: the bytes of"),
        ("update_chunks.jsonl", {"_id": f"{ID}/none"}, f"found key '{ID}/none'"),
        ("model_chunks.jsonl", {"version": 1}, f"expected '{ID}/0000001/0000000'"),
        ("model_chunks.jsonl", {"version": "0"}, "Expected `int`, got `str`"),
        ("uploads.jsonl", {"_id": f"{ID}/0000001/0000000/3"}, "found key"),
        ("updates.jsonl", {"metrics": {"\x1b[2J": 1.0}}, "updates.jsonl: Expected"),
        ("rounds.jsonl", {"refused": {"0": "\x1b]0;x\x07"}}, "expected one line"),
        ("clients.jsonl", {"name": "\x1b]0;owned\x07"}, "clients.jsonl: Expected"),
        ("clients.jsonl", {"name": "a\u009bb"}, "clients.jsonl: Expected"),
        ("experiment.json", {"_id": "abc"}, "found id 'abc', expected 16 digits"),
        ("experiment.json", {"_id": f"{ID}/0000001"}, "found id .* expected 16 digits"),
        ("experiment.json", {"name": "../../evil"}, "found '../../evil', expected 1"),
        ("experiment.json", {"settings": {"clients": 10**15}}, "settings.clients"),
        ("experiment.json", {"settings": {"quorum": -3}}, "settings.quorum"),
        ("experiment.json", {"layout": [["w", [10**10]]]}, "layout|Expected"),
        ("experiment.json", {"reason": "\x1b[31m"}, "expected one line"),
        ("experiment.json", {"reason": "a" * 10**6}, "1,000,000 characters in a text"),
        ("experiment.json", {"revoked": {"me": 1.0}}, "revoked: found 'me', expected"),
        ("rounds.jsonl", {"accepted": {"-1": "a"}}, "accepted: found '-1', expected"),
        ("rounds.jsonl", {"evaluation": {"result": MANY}}, "object` of length <= 32"),
    ],
)
def test_a_document_that_does_not_fit_is_refused(forged, name, fields, complaint):
    changed(forged, name, **fields)
    with pytest.raises(InputError, match=complaint):
        forged.loaded()
    assert not forged.stored


@pytest.mark.parametrize("name", ["manifest.json", "experiment.json", "rounds.jsonl"])
def test_no_entry_grows_when_it_is_read(tmp_path, file, name) -> None:
    path = tmp_path / "bomb.fed"
    with zipfile.ZipFile(file) as sound, zipfile.ZipFile(path, "w") as bomb:
        for entry in sound.namelist():
            blanks = b" " * 1_000_000 if entry == name else b""
            how = zipfile.ZIP_DEFLATED if entry == name else zipfile.ZIP_STORED
            bomb.writestr(entry, sound.read(entry) + blanks, how)
    with pytest.raises(InputError, match=f"'{name}': found a compressed entry"):
        reading.load(MemoryDatabase(), path)


@pytest.mark.parametrize("name", ["manifest.json", "experiment.json"])
def test_what_is_read_as_a_whole_is_bounded(tmp_path, file, monkeypatch, name) -> None:
    monkeypatch.setattr(reading, "LARGEST_MANIFEST", 100)
    if name != "manifest.json":
        monkeypatch.undo()
        monkeypatch.setattr(reading, "LARGEST_DOCUMENT", 100)
    with pytest.raises(InputError, match="bytes, expected at most 100"):
        reading.load(MemoryDatabase(), file)


def test_another_experiments_id_is_refused_before_anything_is_stored(
    world, forged
) -> None:
    """A file with a running experiment's id must not touch that experiment."""
    running = World()
    running.services = replace(running.services, new_id=lambda: ID)
    running.start("victim")
    database = running.services.store.database
    before = plain(database)
    with pytest.raises(OperatorError, match=f"with the id {ID} already"):
        forged.loaded(database=database)
    assert plain(database) == before


def test_what_lies_under_an_id_must_be_the_files_own(file) -> None:
    """What an import left behind is gone on with only where it is the same."""
    database = MemoryDatabase()
    planted = {"_id": f"{ID}/0000001/0000000", "experiment": ID, "version": 1}
    database.insert("model_chunks", planted | {"chunk": 0, "data": b"x", "hash": "x"})
    before = plain(database)
    with pytest.raises(OperatorError, match="documents of it that the file has not"):
        reading.load(database, file)
    assert plain(database) == before


def test_a_missing_collection_is_named(forged) -> None:
    del forged.entries["updates.jsonl"]
    with pytest.raises(InputError, match=r"\(updates\.jsonl\)"):
        forged.loaded()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("archive") / "exp.fed"
    writing.write(halfway().services.store.database, "exp", path)
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=200)
def test_no_damage_is_overlooked(whole, tmp_path_factory, data) -> None:
    """One byte changed, or the end cut off: refused, or what is stored is the same.

    (A zip has bytes that mean nothing to us, such as an entry's time.)
    """
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = whole[:at]
    else:
        flip = data.draw(st.integers(1, 255))
        damaged = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
    path = tmp_path_factory.getbasetemp() / "damaged.fed"
    path.write_bytes(damaged)
    database = MemoryDatabase()
    try:
        reading.load(database, path)
    except InputError:
        assert not database.collections
        return
    sound = tmp_path_factory.getbasetemp() / "sound.fed"
    sound.write_bytes(whole)
    expected = MemoryDatabase()
    reading.load(expected, sound)
    assert database.collections == expected.collections
