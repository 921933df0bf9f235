"""Short names, and what ids and ARNs reveal about their models."""

import pytest

from server_b.providers.bedrock.models.model_ids import (
    OLDER_NAMES,
    SHORT_NAMES,
    is_application_profile,
    list_names,
    listed,
    profile_in_area,
    profiled_model,
    resolve,
)

ARN = "arn:aws:bedrock:eu-west-1:123456789012"
GOV = "aws-us-gov"


@pytest.mark.parametrize(
    ("name", "region", "expected"),
    [
        ("sonnet", "us-east-1", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("sonnet-v2", "us-east-1", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("sonnet-v2", "us-east-2", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("sonnet-v2", "eu-central-1", "eu.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("sonnet-v2", "ap-southeast-2", "apac.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("claude-3.5-sonnet-v2", "us-west-2", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("opus", "eu-west-1", "anthropic.claude-3-opus-20240229-v1:0"),
        ("haiku", "us-east-1", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("sonnet-4", "us-west-2", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("sonnet-4", "eu-west-1", "eu.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("sonnet-4", "ap-northeast-1", "apac.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("sonnet-4.5", "eu-west-1", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("sonnet-3.7", "ap-northeast-1", "apac.anthropic.claude-3-7-sonnet-20250219-v1:0"),
        ("nova-lite", "us-west-2", "us.amazon.nova-lite-v1:0"),
        ("nova-lite", "ca-central-1", "ca.amazon.nova-lite-v1:0"),
        ("nova-lite", "eu-north-1", "amazon.nova-lite-v1:0"),
        ("llama", "sa-east-1", "us.meta.llama3-3-70b-instruct-v1:0"),
        ("my.own-model:1", "us-east-1", "my.own-model:1"),
        (f"{ARN}:inference-profile/x", "us-east-1", f"{ARN}:inference-profile/x"),
    ],
)
def test_a_short_name_stands_for_an_id_of_the_region(name: str, region: str, expected: str) -> None:
    assert resolve(name, region) == expected


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1"])
@pytest.mark.parametrize("name", [*SHORT_NAMES, *OLDER_NAMES])
def test_govcloud_has_its_own_profiles(name: str, region: str) -> None:
    resolved = resolve(name, region, GOV)
    prefix = resolved.partition(".")[0]
    assert prefix == "us-gov" or prefix in ("anthropic", "amazon", "meta")


def test_a_model_that_is_global_elsewhere_is_not_global_in_govcloud() -> None:
    assert resolve("sonnet-4.5", "us-gov-west-1", GOV) == "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert resolve("sonnet-4", "us-gov-west-1", GOV) == "us-gov.anthropic.claude-sonnet-4-20250514-v1:0"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("cn-north-1", "aws-cn"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
@pytest.mark.parametrize("name", SHORT_NAMES)
def test_in_a_region_without_profiles_a_short_name_is_the_models_own_id(name: str, region: str, partition: str) -> None:
    assert resolve(name, region, partition) == SHORT_NAMES[name].id


def test_the_list_has_each_short_name_and_each_id_once() -> None:
    models = listed("eu-west-1", "aws", ("anthropic.claude-3-haiku-20240307-v1:0", "x"))
    assert models[: len(SHORT_NAMES)] == tuple(SHORT_NAMES)
    assert models[-1] == "x"
    assert len(models) == len(set(models))


@pytest.mark.parametrize(
    ("model", "region", "expected"),
    [
        ("anthropic.claude-sonnet-4-20250514-v1:0", "eu-west-1", "eu.anthropic.claude-sonnet-4-20250514-v1:0"),
        (
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "us-gov-west-1",
            "us-gov.anthropic.claude-sonnet-4-20250514-v1:0",
        ),
        ("no id at all", "us-east-1", "us.MODEL-ID"),
    ],
)
def test_the_profile_of_a_regions_area_is_known(model: str, region: str, expected: str) -> None:
    assert profile_in_area(model, region) == expected


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("amazon.nova-lite-v1:0", ["amazon.nova-lite-v1:0"]),
        ("eu.amazon.nova-lite-v1:0", ["eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]),
        ("global.amazon.nova-2-lite-v1:0", ["global.amazon.nova-2-lite-v1:0"]),
        ("us-gov.amazon.nova-lite-v1:0", ["us-gov.amazon.nova-lite-v1:0"]),
        (f"{ARN}:inference-profile/us.amazon.nova-lite-v1:0", ["us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]),
        ("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0", ["amazon.nova-lite-v1:0"]),
        (f"{ARN}:application-inference-profile/ab12cd34ef56", []),
        (f"{ARN}:provisioned-model/ab12cd34ef56", []),
        (f"{ARN}:custom-model-deployment/ab12cd34ef56", []),
    ],
)
def test_a_model_is_looked_up_in_price_lists_by_its_own_id_too(model: str, names: list[str]) -> None:
    assert list(list_names(model)) == names
    assert is_application_profile(model) is ("application" in model)


@pytest.mark.parametrize(
    ("arns", "model"),
    [
        (["arn:aws:bedrock:us-east-1::foundation-model/m:0", "arn:aws:bedrock:us-west-2::foundation-model/m:0"], "m:0"),
        (["arn:aws:bedrock:us-east-1::foundation-model/m:0", "arn:aws:bedrock:::foundation-model/m:0"], "global.m:0"),
        ([f"{ARN}:custom-model/x"], ""),
        (["no arn"], ""),
        ([], ""),
    ],
)
def test_the_model_in_a_profile_is_the_same_in_all_its_regions(arns: list[str], model: str) -> None:
    assert profiled_model(arns) == model
