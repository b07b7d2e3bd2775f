"""Amazon SES: custom redirect domains behind a CDN; one tracking host a region."""

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

# fmt: off
REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
    "eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-south-1",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "af-south-1", "il-central-1",
    "me-south-1",
)
# fmt: on

SES = Provider(
    name="ses",
    title="Amazon SES",
    source="Amazon SES developer guide: custom domains for open and click tracking",
    targets=tuple(Target(name=f"r.{region}.awstrack.me", region=region) for region in REGIONS),
    modes=(Mode.CDN, Mode.PROXY),
    default_names=("awstrack.me", "*.awstrack.me", *(f"r.{r}.awstrack.me" for r in REGIONS)),
)
