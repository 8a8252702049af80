//! The SDK's client, as a configuration asks for it.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, SharedHttpClient},
};
use aws_smithy_http_client::tls;
use cloakroom_storage::Result;

use crate::{error::misconfigured, options::Options};

/// When an answer counts as lost. DynamoDB needs milliseconds; a scan of a full page less than a second.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds region and credentials by the SDK's usual chain, where the options name none.
pub(crate) async fn connect(options: &Options, connect_timeout: Duration) -> Result<Client> {
    let http = http_client();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connect_timeout)
        .operation_attempt_timeout(ANSWER_TIMEOUT)
        .build();
    // The SDK's own first pause is up to a second, longer than a request of a user may take.
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(50));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &options.endpoint {
        check_endpoint(endpoint)?;
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile).credentials_provider(of_profile(profile, options, http));
    }
    if let Some(key) = &options.access_key {
        loader = loader.credentials_provider(Credentials::new(&key.id, &key.secret, None, None, "cloakroom"));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(misconfigured(
            "no AWS region was found; name one in the URL (`dynamodb:sessions?region=eu-west-1`) or in AWS_REGION",
        ));
    }
    Ok(Client::new(&config))
}

fn check_endpoint(url: &str) -> Result<()> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    Err(misconfigured("`endpoint` is a URL such as `http://127.0.0.1:8000`, with `http:` or `https:`"))
}

/// A client over the same connections that sends nothing twice.
pub(crate) fn without_retries(client: &Client) -> Client {
    Client::from_conf(client.config().to_builder().retry_config(RetryConfig::disabled()).build())
}

/// One pool of connections, whose TLS needs no C compiler beyond the one for `ring`.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
}

/// The usual chain would prefer keys in the environment to a profile that was asked for by name.
fn of_profile(name: &str, options: &Options, http: SharedHttpClient) -> ProfileFileCredentialsProvider {
    let region = options.region.clone().map(Region::new);
    let config = ProviderConfig::without_region().with_http_client(http).with_region(region);
    ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name).build()
}
