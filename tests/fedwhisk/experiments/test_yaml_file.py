import pytest
import yaml

from fedwhisk.experiments import chosen_settings, yaml_file


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-2", 0.01),
        ("1E3", 1000.0),
        ("+.5e1", 5.0),
        ("-2.e+1", -20.0),
        ("1.5e3", 1500.0),
        ("0.1", 0.1),
        ("3", 3),
        (".inf", float("inf")),
    ],
)
def test_numbers_may_have_exponents(written, value) -> None:
    found = yaml_file.read(f"lr: {written}")["lr"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("written", ["e1", "1e", "1e2x", "'1e2'", "1-e2", "a1e2"])
def test_what_is_no_number_stays_text(written) -> None:
    assert yaml_file.read(written) == written.strip("'")


def test_yaml_elsewhere_is_read_as_before() -> None:
    yaml_file.read("1e2")
    assert yaml.safe_load("1e2") == "1e2"


def test_no_object_is_made_of_what_a_file_says() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml_file.read("!!python/object/apply:os.getcwd []")


def test_a_file_of_settings_may_say_its_learning_rate_so(tmp_path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text("lr: 1e-2\nmax_norm: 1e3\n")
    _, settings = chosen_settings.experiment(path, None, {})
    assert (settings.lr, settings.max_norm) == (0.01, 1000.0)
