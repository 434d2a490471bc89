import math
from dataclasses import FrozenInstanceError, fields

import pytest

from cae.config import ACTIVATIONS, OPTIMIZERS, RECIPES, ModelConfig, TrainConfig, differences, from_json
from cae.data.catalogue import DATASETS
from cae.errors import CaeError, InvalidOption

NUMBERS = [(cls, option) for cls in (ModelConfig, TrainConfig) for option in cls.options() if not option.choices]
CHOICES = [(cls, option) for cls in (ModelConfig, TrainConfig) for option in cls.options() if option.choices]
WHOLE = [(cls, option) for cls, option in NUMBERS if option.kind is int]


def named(pairs):
    return pytest.mark.parametrize(("cls", "option"), pairs, ids=[option.name for _, option in pairs])


def test_the_recipe_original_is_the_founding_documents():
    recipe = RECIPES["original"]
    assert (recipe.model.latent_dim, recipe.model.width, recipe.model.activation) == (32, 16, "relu")
    train = recipe.train
    assert (train.dataset, train.epochs, train.batch_size) == ("mnist", 20, 64)
    assert (train.optimizer, train.learning_rate) == ("adam", 1e-3)
    assert (train.train_images, train.validation_images) == (None, 0)


def test_the_defaults_are_the_recipe_original():
    assert RECIPES["original"].model == ModelConfig()
    assert RECIPES["original"].train == TrainConfig()


def test_every_field_has_an_option_with_a_label_and_a_help():
    for cls in (ModelConfig, TrainConfig):
        assert [option.name for option in cls.options()] == [item.name for item in fields(cls)]
        for option in cls.options():
            assert option.label
            assert option.help.endswith((".", ")."))
            assert option.default == getattr(cls(), option.name)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ModelConfig().width = 3


@named(NUMBERS)
def test_a_number_is_taken_at_its_lowest_and_refused_below(cls, option):
    assert getattr(cls(**{option.name: option.low}), option.name) == option.low
    below = option.low - 1 if option.kind is int or not option.low else option.low / 2
    with pytest.raises(InvalidOption, match="at least") as caught:
        cls(**{option.name: below})
    assert caught.value.option == option.name
    assert option.label in str(caught.value)


@named(NUMBERS)
def test_a_number_above_its_highest_is_refused(cls, option):
    with pytest.raises(InvalidOption) as caught:
        cls(**{option.name: option.high + 1})
    assert caught.value.option == option.name


@named(NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "7", [3], "", b"1", 1j])
def test_what_is_no_finite_number_is_refused(cls, option, value):
    with pytest.raises(InvalidOption) as caught:
        cls(**{option.name: value})
    assert caught.value.option == option.name


@named(NUMBERS)
@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["huge", "hugely-negative"])
def test_an_absurdly_long_number_is_refused_like_any_other(cls, option, value):
    with pytest.raises(InvalidOption):
        cls(**{option.name: value})


@named(WHOLE)
def test_a_fraction_is_refused_where_a_whole_number_is_wanted(cls, option):
    with pytest.raises(InvalidOption, match="whole number"):
        cls(**{option.name: option.low + 0.5})


@named(WHOLE)
def test_a_whole_number_written_as_a_float_is_refused_or_becomes_a_whole_number(cls, option):
    try:
        config = cls(**{option.name: float(option.low + 1)})
    except InvalidOption:
        return
    assert type(getattr(config, option.name)) is int


@named(CHOICES)
def test_a_choice_outside_the_list_is_refused_and_the_list_is_said(cls, option):
    for choice in option.choices:
        assert getattr(cls(**{option.name: choice}), option.name) == choice
    for wrong in ("", "Adam", None, 1, ["adam"]):
        with pytest.raises(InvalidOption, match=option.choices[0]) as caught:
            cls(**{option.name: wrong})
        assert caught.value.option == option.name


def test_only_options_that_say_so_may_be_left_empty():
    assert TrainConfig(train_images=None).train_images is None
    for cls, option in NUMBERS:
        if not option.optional:
            with pytest.raises(InvalidOption):
                cls(**{option.name: None})


@pytest.mark.parametrize("dataset", DATASETS)
def test_training_and_validation_images_fit_together_into_the_data_set(dataset):
    TrainConfig(dataset=dataset, train_images=50_000, validation_images=10_000)
    with pytest.raises(InvalidOption, match="at most 50,000") as caught:
        TrainConfig(dataset=dataset, train_images=50_001, validation_images=10_000)
    assert caught.value.option == "train_images"
    with pytest.raises(InvalidOption) as caught:
        TrainConfig(dataset=dataset, validation_images=60_000)
    assert caught.value.option == "validation_images"


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(7, 5, "silu"),
        TrainConfig("kmnist", 3, 10, 0.5, "sgd", 1000, 50, 2**32 - 1, 0.5, "linear", 1.5, 10.0, 20.0),
        TrainConfig(train_images=None),
    ],
)
def test_a_configuration_survives_its_way_to_json_and_back(config):
    import json

    assert from_json(type(config), json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("values", [None, [], "x", 3, {"widht": 3}, {"width": None}, {"width": "16"}, {1: 2}])
def test_json_that_is_no_configuration_is_refused(values):
    with pytest.raises(InvalidOption):
        from_json(ModelConfig, values)


def test_a_refusal_is_one_sentence_of_the_family():
    with pytest.raises(CaeError) as caught:
        ModelConfig(latent_dim=0)
    assert str(caught.value) == "Latent dimensions must be at least 1, not 0."


def test_differences_name_what_departs_from_the_original_and_nothing_else():
    assert list(differences(ModelConfig(), TrainConfig())) == []
    found = dict(differences(ModelConfig(latent_dim=2), TrainConfig(train_images=500, optimizer="sgd")))
    assert found == {"latent dimensions": 2, "training images": 500, "optimizer": "sgd"}
    assert dict(differences(ModelConfig(activation="gelu"), None)) == {"activation": "gelu"}


def test_the_choices_are_those_promised():
    assert set(ACTIVATIONS) >= {"relu", "gelu"}
    assert set(OPTIMIZERS) == {"adam", "adamw", "sgd", "muon"}
    assert set(DATASETS) == {"mnist", "fashion-mnist", "kmnist"}
