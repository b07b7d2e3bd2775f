"""Amazon API Gateway: regional custom domain names; edge-optimised ones are CloudFront's."""

from certwatch.core.catalog import Edge, Signature

# fmt: off
REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1",
    "mx-central-1", "sa-east-1", "eu-central-1", "eu-central-2", "eu-west-1", "eu-west-2",
    "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2", "ap-east-1", "ap-northeast-1",
    "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1",
    "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "af-south-1",
    "il-central-1", "me-central-1", "me-south-1",
)
# fmt: on
_HOSTS = tuple(f".execute-api.{region}.amazonaws.com" for region in REGIONS)

APIGATEWAY = Edge(
    name="apigateway",
    title="API Gateway",
    source="Amazon API Gateway developer guide: custom domain names",
    cname_suffixes=_HOSTS,
    headers=(("x-amzn-errortype", ""), ("x-amz-apigw-id", "")),
    default_names=tuple(f"*{host}" for host in _HOSTS),
    signatures=(
        Signature(
            check="edge_misconfigured",
            meaning="no API mapping of the custom domain carries this path",
            remedy="map the empty path of the custom domain name to the API's stage",
            status=403,
            body="missing authentication token",
        ),
        Signature(
            check="edge_misconfigured",
            meaning="no custom domain name carries this name",
            remedy="create the custom domain name in API Gateway and map it to the API's stage",
            status=403,
            header=("x-amzn-errortype", "forbiddenexception"),
        ),
    ),
)
