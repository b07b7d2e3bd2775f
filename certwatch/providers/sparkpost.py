"""SparkPost (Bird): V2 endpoints with managed HTTPS, V1 endpoints behind a CDN or proxy."""

from datetime import timedelta

from certwatch.core.catalog import Provider, Target
from certwatch.core.model import Mode

# CDNs and proxies overwrite `server: msys-http`, so only the status proves a healthy answer.
SPARKPOST = Provider(
    name="sparkpost",
    title="SparkPost",
    source="SparkPost support docs: managed-https-for-tracking-domains, "
    "enabling-https-engagement-tracking-on-sparkpost, using-proxy-https-tracking-domain",
    targets=(
        Target(name="v2.spgo.io", region="us", managed=True),
        Target(name="eu.v2.spgo.io", region="eu", managed=True),
        Target(name="spgo.io", region="us"),
        Target(name="eu.spgo.io", region="eu"),
        Target(name=".et.e.sparkpost.com"),
    ),
    modes=(Mode.PROVIDER, Mode.CDN, Mode.PROXY),
    probe_path="/f/a/b/c/d",
    healthy_status=(302,),
    default_names=("spgo.io", "*.spgo.io", "*.et.e.sparkpost.com"),
    issuers=("letsencrypt.org",),
    renews_in=timedelta(days=15),
    warning_in=timedelta(days=12),
    critical_in=timedelta(days=5),
)
