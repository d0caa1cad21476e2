from dataclasses import fields
from pathlib import Path

import pytest
from dotenv import dotenv_values

from fedwhisk import config
from fedwhisk.config import CLIENT_VARIABLES, Settings
from fedwhisk.errors import InputError

NO_FILE = Path("/nonexistent/.env")
TEMPLATE = Path(__file__).parents[2] / ".env.template"
SECRET = "0123456789abcdef" * 2


def test_nothing_set_means_the_embedded_platform() -> None:
    assert config.load({}, NO_FILE) == Settings()


def test_the_template_documents_exactly_the_settings_that_exist() -> None:
    names = {f.name.upper() for f in fields(Settings)} | CLIENT_VARIABLES
    assert set(dotenv_values(TEMPLATE)) == names


def test_the_template_as_it_is_changes_nothing() -> None:
    assert config.load({}, TEMPLATE) == Settings()


def test_the_environment_wins_over_the_file(tmp_path) -> None:
    file = tmp_path / ".env"
    file.write_text("MONGODB_DATABASE=from_file\nCALLS_PER_MINUTE=7\n")
    settings = config.load({"CALLS_PER_MINUTE": "8"}, file)
    assert (settings.mongodb_database, settings.calls_per_minute) == ("from_file", 8)


@pytest.mark.parametrize(
    "name", ["FED_SECRETS", "FEDWHISK_HOEM", "BASE_URL_AZURE", "MONGODB_URI"]
)
def test_an_unknown_name_with_our_prefix_is_refused_by_name(name) -> None:
    with pytest.raises(InputError, match=f"^{name}: unknown setting"):
        config.load({name: "x"}, NO_FILE)


def test_a_name_of_somebody_else_is_left_alone() -> None:
    assert config.load({"HOME": "/x", "MONGO": "y"}, NO_FILE) == Settings()


def test_a_clients_own_settings_are_known() -> None:
    assert config.load({"FED_STAY": "1"}, NO_FILE) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL_OW", "openwhisk.example.org"),
        ("MONGODB_URL", "localhost:27017"),
        ("MONGODB_DATABASE", "a b"),
        ("CALLS_PER_MINUTE", "many"),
        ("CALLS_PER_MINUTE", "-1"),
        ("AUTH", "key"),
        ("FED_SECRET", "short"),
        ("FED_SECRET", "s" * 32),
        ("FED_SECRET_PREVIOUS", "short"),
    ],
)
def test_a_malformed_value_is_refused_by_name(name, value) -> None:
    with pytest.raises(InputError, match=f"^{name}: found .* expected"):
        config.load({name: value}, NO_FILE)


@pytest.mark.parametrize("name", ["AUTH", "MONGODB_URL", "FED_SECRET"])
def test_a_refused_secret_is_not_repeated(name) -> None:
    with pytest.raises(InputError) as refused:
        config.load({name: "hush-hush"}, NO_FILE)
    assert "hush" not in str(refused.value)


def test_settings_do_not_print_secrets() -> None:
    url = "mongodb://user:hush-hush@db/"
    settings = config.load({"MONGODB_URL": url, "FED_SECRET": SECRET}, NO_FILE)
    assert "hush" not in repr(settings)
    assert SECRET not in repr(settings)


@pytest.fixture
def inside(tmp_path, monkeypatch) -> Path:
    """A folder two below the project's, as the working directory."""
    folder = tmp_path / "notes" / "drafts"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_state_and_env_file_are_found_in_the_first_folder_above(tmp_path, inside):
    (tmp_path / ".fedwhisk").mkdir()
    (tmp_path / ".env").write_text("MONGODB_DATABASE=above\n")
    found = config.load({})
    assert found.fedwhisk_home == tmp_path / ".fedwhisk"
    assert found.mongodb_database == "above"
    assert config.results_folder(found) == tmp_path / "runs"
    (inside / ".fedwhisk").mkdir()
    (inside / ".env").write_text("MONGODB_DATABASE=here\n")
    found = config.load({})
    assert (found.fedwhisk_home, found.mongodb_database) == (Path(".fedwhisk"), "here")
    assert config.results_folder(found) == Path("runs")


def test_where_no_folder_has_state_it_will_be_made_here(inside) -> None:
    assert config.load({}) == Settings()


def test_the_variable_wins_over_what_is_found(tmp_path, inside) -> None:
    (tmp_path / ".fedwhisk").mkdir()
    found = config.load({"FEDWHISK_HOME": "elsewhere"})
    assert found.fedwhisk_home == Path("elsewhere")
    assert config.results_folder(found) == Path("runs")


def test_paths_in_an_env_file_are_relative_to_its_folder(tmp_path, inside) -> None:
    (tmp_path / ".env").write_text("FEDWHISK_HOME=.fedwhisk\nDATA_DIR=/data\n")
    found = config.load({})
    assert found.fedwhisk_home == tmp_path / ".fedwhisk"
    assert found.data_dir == Path("/data")


def test_what_another_user_has_put_above_is_passed_over(tmp_path, inside, monkeypatch):
    (tmp_path / ".fedwhisk").mkdir()
    (tmp_path / ".env").write_text("MONGODB_DATABASE=planted\n")
    monkeypatch.setattr("os.getuid", lambda: tmp_path.stat().st_uid + 1)
    monkeypatch.setattr(config, "ROOT", -1)  # tests may run as root
    assert config.load({}) == Settings()
